// Decisions wait in an outbox until the server confirms them. It is kept with the tab, so that neither a reload nor another
// page loses what was not sent yet; each decision has a token, by which the server knows one that comes a second time.
/** @import { Action, DeskRoot, Item } from "./types.js" */

export const RESEND_MILLISECONDS = 2500;
export const MOST_RESEND_MILLISECONDS = 20000;

/** @type {Map<string, Action[]>} */
const unstored = new Map();

/** @param {DeskRoot} root @returns {Action[]} */
export function outbox(root) {
  const name = nameOf(root);
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "[]");
  } catch {
    return unstored.get(name) ?? [];
  }
}

/** @param {DeskRoot} root @param {Action[]} actions */
function keepOutbox(root, actions) {
  const name = nameOf(root);
  unstored.set(name, actions);
  try {
    sessionStorage.setItem(name, JSON.stringify(actions));
  } catch {
    // A browser that keeps nothing: the actions live as long as the page.
  }
}

/** @param {DeskRoot} root */
function nameOf(root) {
  return `jepascore-outbox-${root.data.dataset}`;
}

export function newToken() {
  // Not randomUUID, which there is for https and localhost only.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Record a verdict about items, a tag, an undo or a redo; `more` goes with it.
 * @param {DeskRoot} root
 * @param {Action["kind"]} kind
 * @param {Item[]} items
 * @param {Pick<Action, "why" | "next" | "leads" | "tag">} [more]
 */
export function record(root, kind, items, more = {}) {
  /** @type {[string, string][]} */
  const samples = items.map((item) => [item.sample_key, item.content_id]);
  keepOutbox(root, [...outbox(root), { token: newToken(), who: root.data.who ?? "", kind, samples, ...more }]);
  deliver(root);
}

/**
 * One message at a time: each run of the page would else cut the last one short, and none would come to its end.
 * @param {DeskRoot} root
 */
function deliver(root) {
  const actions = outbox(root);
  if (!actions.length || root.waiting || !root.data.can_decide) {
    return;
  }
  root.patience = Math.min(2 * (root.patience ?? RESEND_MILLISECONDS / 2), MOST_RESEND_MILLISECONDS);
  root.waiting = setTimeout(() => {
    root.waiting = null;
    if (root.isConnected) {
      deliver(root);
    }
  }, root.patience);
  root.report(actions);
}

/**
 * The page was redrawn: what the server knows leaves the outbox, and the rest is sent.
 * @param {DeskRoot} root
 */
export function acknowledge(root) {
  const known = new Set(root.data.done);
  const actions = outbox(root);
  const left = actions.filter((action) => !known.has(action.token));
  if (left.length < actions.length) {
    keepOutbox(root, left);
    root.patience = undefined;
    clearTimeout(root.waiting ?? undefined);
    root.waiting = null;
  }
  deliver(root);
}
