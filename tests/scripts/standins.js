// What the scripts find in a browser, as far as their logic needs it.
/** @import { Action, DeskRoot, Keys, Turns } from "../../pages/ui/widgets/gallery_component/types.js" */

/** @type {Keys} */
export const KEYS = { keep: "k", drop: "d", undecided: "u", undo: "z", redo: "y", help: "?" };
/** @type {Turns} */
export const NO_TURNS = { num_undo: 0, num_redo: 0, next_undo: [], next_redo: [] };

/**
 * A key press. `target` is what it goes to: it matches one selector, or none.
 * @param {string} key
 * @param {Partial<KeyboardEvent>} [more]
 * @param {object} [target]
 */
export function press(key, more = {}, target = { closest: () => null }) {
  const event = { key, code: "", composedPath: () => [target], ...more };
  return /** @type {KeyboardEvent} */ (event);
}

/** A tab's storage. */
export class Storage {
  /** @type {Map<string, string>} */
  items = new Map();

  /** @param {string} name */
  getItem(name) {
    return this.items.get(name) ?? null;
  }

  /** @param {string} name @param {string} text */
  setItem(name, text) {
    this.items.set(name, text);
  }
}

/** A tab that stores nothing. */
export class NoStorage {
  /** @returns {string | null} */
  getItem() {
    throw new DOMException("denied", "SecurityError");
  }

  setItem() {
    throw new DOMException("full", "QuotaExceededError");
  }
}

/**
 * An element with decisions to send: what it reports is kept in `sent`.
 * @param {string} dataset
 */
export function makeRoot(dataset) {
  /** @type {Action[][]} */
  const sent = [];
  const data = {
    dataset,
    who: "ada",
    can_decide: true,
    keys: KEYS,
    marks: {},
    tags: [],
    tagged: {},
    turns: NO_TURNS,
    done: [],
    label: "",
  };
  const root = { data, isConnected: true, report: (/** @type {Action[]} */ actions) => sent.push(actions) };
  return { root: /** @type {DeskRoot} */ (/** @type {unknown} */ (root)), sent };
}
