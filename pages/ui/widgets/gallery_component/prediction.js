// Marks, and what can be undone and redone, as they will be once the server has processed the outbox. What an action of the
// server's changed is not known, hence shown as open for the moment.
/** @import { Action, DeskData, Entry, Marks, Prediction, Turn } from "./types.js" */

import { isVerdict } from "./verdicts.js";

/**
 * @param {Pick<DeskData, "marks" | "turns" | "who">} data
 * @param {Pick<Action, "kind" | "samples" | "who">[]} actions
 * @returns {Prediction}
 */
export function predict({ marks, turns, who }, actions) {
  const found = {
    marks: { ...marks },
    done: stackOf(turns.next_undo),
    undone: stackOf(turns.next_redo),
    numUndo: turns.num_undo,
    numRedo: turns.num_redo,
  };
  for (const { kind, samples, who: whose } of actions) {
    if (isVerdict(kind)) {
      const keys = samples.map(([key]) => key);
      const before = marksOf(found.marks, keys);
      const after = Object.fromEntries(keys.map((key) => [key, kind]));
      Object.assign(found.marks, after);
      if (whose === who) {
        found.done.push({ keys, before, after });
        Object.assign(found, { undone: [], numUndo: found.numUndo + 1, numRedo: 0 });
      }
    } else if (whose === who) {
      turn(found, kind);
    }
  }
  return found;
}

/** @param {(string | null)[]} keys the next first @returns {Entry[]} the next last */
function stackOf(keys) {
  return keys.map((key) => ({ keys: key === null ? [] : [key] })).reverse();
}

/** @param {Marks} marks @param {string[]} keys @returns {Marks} */
function marksOf(marks, keys) {
  return Object.fromEntries(keys.map((key) => [key, marks[key]]));
}

/** @param {Prediction} found @param {Turn} kind */
function turn(found, kind) {
  if (!canTurn(found, kind)) {
    return;
  }
  const isUndo = kind === "undo";
  const [from, to] = isUndo ? [found.done, found.undone] : [found.undone, found.done];
  const entry = from.pop() ?? { keys: [] };
  entry[isUndo ? "after" : "before"] ??= marksOf(found.marks, entry.keys);
  Object.assign(found.marks, marksOf(entry[isUndo ? "before" : "after"] ?? {}, entry.keys));
  to.push(entry);
  found.numUndo += isUndo ? -1 : 1;
  found.numRedo += isUndo ? 1 : -1;
}

/** @param {Prediction} found @param {Turn} kind */
export function canTurn(found, kind) {
  return (kind === "undo" ? found.numUndo : found.numRedo) > 0;
}

/**
 * The sample that an undo or redo is about, undefined if it is about several or nobody here knows.
 * @param {Prediction} found
 * @param {Turn} kind
 */
export function turnedKey(found, kind) {
  const entry = (kind === "undo" ? found.done : found.undone).at(-1);
  return entry?.keys.length === 1 ? entry.keys[0] : undefined;
}
