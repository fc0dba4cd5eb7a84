// Verdicts and their words.
/** @import { Command, Turn, Verdict } from "./types.js" */

/** @type {Verdict[]} */
export const VERDICTS = ["keep", "drop", "undecided"];
/** @type {Partial<Record<Verdict, string>>} */
export const MARKS = { keep: "✓ keep", drop: "✕ drop" };
/** @type {Record<Verdict | Turn, string>} */
export const TITLES = { keep: "Keep", drop: "Drop", undecided: "Undecided", undo: "Undo", redo: "Redo" };
/** @type {Record<Verdict, string>} */
export const DONE = { keep: "Kept", drop: "Dropped", undecided: "Left undecided:" };
/** @type {Record<Command, string>} */
export const MEANINGS = {
  keep: "Keep the image and move to the next",
  drop: "Drop the image and move to the next",
  undecided: "Leave the image undecided and move to the next",
  undo: "Undo your last decision",
  redo: "Redo the decision that you undid",
  help: "Show or hide this list",
};

/** @param {string | undefined} command @returns {command is Verdict} */
export function isVerdict(command) {
  return VERDICTS.some((verdict) => verdict === command);
}

/** @param {Verdict | undefined} verdict */
export function markOf(verdict) {
  return (verdict && MARKS[verdict]) ?? "";
}

/**
 * What is said after an undo or a redo.
 * @param {Turn} kind
 * @param {string | undefined} key
 */
export function turnedText(kind, key) {
  return `${kind === "undo" ? "Undid" : "Redid"} the last decision${key === undefined ? "" : `: ${key}`}`;
}
