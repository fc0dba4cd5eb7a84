// Where Review is: `at` is the key of the image on the screen, null behind the last. The page is told, and does not say it
// back: what it says is late by then. It leads only where it marks that it does.
/** @import { Action, Card, DeckData } from "./types.js" */

import { isVerdict } from "./verdicts.js";

/**
 * @typedef {object} Position
 * @property {Pick<DeckData, "at" | "queue" | "led" | "stage">} data
 * @property {Map<string, Card>} cards
 * @property {string[]} keys of the cards, in order
 * @property {string | null} at
 * @property {string | null} [lastKey] of the last one, where `at` is null
 * @property {string} [queue]
 * @property {string | null} [led]
 * @property {{ value: string }} [why]
 */

/**
 * After the page was drawn. After a reload, given what was decided and not sent yet, it is behind that.
 * @param {Position} root
 * @param {Action[]} waiting
 */
export function settle(root, waiting) {
  const { at, queue, led, stage } = root.data;
  if (root.queue !== queue || (led !== null && led !== root.led)) {
    root.at = at;
  } else if (root.at === null) {
    root.at = neighbour(root, root.lastKey, 1) ?? null;
  } else if (!root.cards.has(root.at)) {
    root.at = at;
  }
  root.queue = queue;
  root.led = led;
  if (stage && waiting.length) {
    leaveDecided(root, waiting);
  }
}

/** @param {Position} root @param {Action[]} waiting */
function leaveDecided(root, waiting) {
  const last = waiting.at(-1);
  if (last?.next && root.cards.has(last.next)) {
    root.at = last.next;
  }
  if (last?.kind === "undo") {
    return;
  }
  const decided = new Set(waiting.flatMap(({ kind, samples }) => (isVerdict(kind) ? samples.map(([key]) => key) : [])));
  while (root.at !== null && decided.has(root.at)) {
    goTo(root, neighbour(root, root.at, 1) ?? null);
  }
}

/** @param {Position} root @param {string | null | undefined} key @param {number} step */
export function neighbour(root, key, step) {
  const index = root.keys.indexOf(key ?? "");
  return index < 0 ? undefined : root.keys[index + step];
}

/** @param {Position} root @param {string | null} key */
export function goTo(root, key) {
  if (key === null && root.at !== null) {
    root.lastKey = root.at;
  }
  root.at = key;
  if (root.why) {
    root.why.value = "";
  }
}

/**
 * What the page is told about where we are: nothing while it is to lead us.
 * @param {Position} root
 * @param {Action[]} waiting
 */
export function toTell(root, waiting) {
  return waiting.at(-1)?.leads ? null : (root.at ?? root.lastKey);
}
