// Marks and tags, and what can be undone and redone, as they will be once the server has processed the outbox. What an action of the
// server's changed is not known, hence shown as open for the moment.
/** @import { Action, DeskData, Entry, Marks, Prediction, Tagged, Turn } from "./types.js" */

import { isVerdict } from "./verdicts.js";

/**
 * @param {Pick<DeskData, "marks" | "turns" | "who"> & { tagged?: Tagged }} data
 * @param {Pick<Action, "kind" | "samples" | "who" | "tag">[]} actions
 * @returns {Prediction}
 */
export function predict({ marks, tagged = {}, turns, who }, actions) {
  const found = {
    marks: { ...marks },
    tagged: { ...tagged },
    done: stackOf(turns.next_undo),
    undone: stackOf(turns.next_redo),
    numUndo: turns.num_undo,
    numRedo: turns.num_redo,
  };
  for (const { kind, samples, who: whose, tag = "" } of actions) {
    const keys = samples.map(([key]) => key);
    if (kind === "tag" || kind === "untag") {
      const tagsBefore = tagsOf(found.tagged, keys);
      const tagsAfter = Object.fromEntries(keys.map((key) => [key, withTag(found.tagged[key], tag, kind === "tag")]));
      Object.assign(found.tagged, tagsAfter);
      if (whose === who) {
        found.done.push({ keys, tagsBefore, tagsAfter });
        Object.assign(found, { undone: [], numUndo: found.numUndo + 1, numRedo: 0 });
      }
    } else if (isVerdict(kind)) {
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

/** @param {Tagged} tagged @param {string[]} keys @returns {Tagged} */
function tagsOf(tagged, keys) {
  return Object.fromEntries(keys.map((key) => [key, tagged[key]]));
}

/** @param {string[] | undefined} tags @param {string} tag @param {boolean} isSet */
export function withTag(tags = [], tag, isSet) {
  const others = tags.filter((other) => other !== tag);
  return isSet ? [...others, tag].sort() : others;
}

/** @param {Prediction} found @param {Turn} kind */
function turn(found, kind) {
  if (!canTurn(found, kind)) {
    return;
  }
  const isUndo = kind === "undo";
  const [from, to] = isUndo ? [found.done, found.undone] : [found.undone, found.done];
  const entry = from.pop() ?? { keys: [] };
  const tags = isUndo ? entry.tagsBefore : entry.tagsAfter;
  if (tags) {
    Object.assign(found.tagged, tags);
  } else {
    entry[isUndo ? "after" : "before"] ??= marksOf(found.marks, entry.keys);
    Object.assign(found.marks, marksOf(entry[isUndo ? "before" : "after"] ?? {}, entry.keys));
  }
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
