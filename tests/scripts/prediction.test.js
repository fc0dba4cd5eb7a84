// Marks, undo and redo as they will be, against a replay of all that holds.
/** @import { Marks, Turn, Verdict } from "../../pages/ui/widgets/gallery_component/types.js" */

import assert from "node:assert/strict";
import test from "node:test";
import { canTurn, predict, turnedKey } from "../../pages/ui/widgets/gallery_component/prediction.js";
import { NO_TURNS } from "./standins.js";

/** @param {Verdict | Turn} kind @param {string[]} keys */
function mine(kind, ...keys) {
  return { kind, who: "ada", samples: keys.map((key) => /** @type {[string, string]} */ ([key, "content"])) };
}

/** @param {Marks} marks */
function made(marks) {
  return Object.fromEntries(Object.entries(marks).filter(([, verdict]) => verdict));
}

/** @type {Marks} */
const NONE = {};
const FRESH = { who: "ada", marks: NONE, turns: NO_TURNS };

test("verdicts are marks at once, the last one counts, and what the page said is left alone", () => {
  /** @type {Marks} */
  const marks = { a: "keep", b: "drop" };
  const found = predict({ ...FRESH, marks }, [mine("drop", "a", "c"), mine("keep", "c")]);
  assert.deepEqual(found.marks, { a: "drop", b: "drop", c: "keep" });
  assert.deepEqual(marks, { a: "keep", b: "drop" });
  assert.deepEqual([found.numUndo, found.numRedo], [2, 0]);
});

test("undo puts back what was there before, for all that were selected, and redo the verdict", () => {
  /** @type {Marks} */
  const marks = { a: "keep" };
  const undone = predict({ ...FRESH, marks }, [mine("drop", "a", "b"), mine("undo")]);
  assert.deepEqual(made(undone.marks), { a: "keep" });
  assert.deepEqual([undone.numUndo, undone.numRedo], [0, 1]);
  const redone = predict({ ...FRESH, marks }, [mine("drop", "a", "b"), mine("undo"), mine("redo")]);
  assert.deepEqual(redone.marks, { a: "drop", b: "drop" });
  assert.deepEqual([redone.numUndo, redone.numRedo], [1, 0]);
});

test("a verdict ends what could be redone", () => {
  const found = predict(FRESH, [mine("keep", "a"), mine("undo"), mine("drop", "b"), mine("redo")]);
  assert.deepEqual(made(found.marks), { b: "drop" });
  assert.equal(canTurn(found, "redo"), false);
});

test("there is nothing to undo or redo where the count is 0", () => {
  const found = predict(FRESH, [mine("undo"), mine("redo")]);
  assert.deepEqual([found.numUndo, found.numRedo, canTurn(found, "undo")], [0, 0, false]);
});

test("what the server would undo is shown as open, and named if it is about one sample", () => {
  const turns = { num_undo: 3, num_redo: 1, next_undo: ["b", null], next_redo: ["r"] };
  /** @type {Marks} */
  const marks = { b: "drop", c: "keep" };
  const now = predict({ ...FRESH, marks, turns }, []);
  assert.deepEqual([turnedKey(now, "undo"), turnedKey(now, "redo")], ["b", "r"]);
  const once = predict({ ...FRESH, marks, turns }, [mine("undo")]);
  assert.deepEqual(made(once.marks), { c: "keep" });
  assert.deepEqual([turnedKey(once, "undo"), turnedKey(once, "redo")], [undefined, "b"]);
  const thrice = predict({ ...FRESH, marks, turns }, [mine("undo"), mine("undo"), mine("undo"), mine("undo")]);
  assert.deepEqual([thrice.numUndo, thrice.numRedo], [0, 4]);
  const back = predict({ ...FRESH, marks, turns }, [mine("undo"), mine("redo")]);
  assert.deepEqual(back.marks, marks);
});

test("another person's decisions are marks, but nothing that I can undo", () => {
  const theirs = { ...mine("drop", "a"), who: "grace" };
  const found = predict(FRESH, [theirs, { ...mine("undo"), who: "grace" }]);
  assert.deepEqual(found.marks, { a: "drop" });
  assert.deepEqual([found.numUndo, found.numRedo], [0, 0]);
});

test("whatever the order, marks are those of all decisions that hold", () => {
  const kinds = /** @type {(Verdict | Turn)[]} */ (["keep", "drop", "undecided", "undo", "undo", "redo"]);
  let state = 7;
  const next = (/** @type {number} */ below) => {
    // A linear congruential generator (Numerical Recipes): the same cases each time.
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 300; round += 1) {
    const actions = [];
    /** @type {[string[], Verdict][]} */
    const holds = [];
    /** @type {typeof holds} */
    const redoable = [];
    for (let number = next(14); number > 0; number -= 1) {
      const kind = kinds[next(kinds.length)];
      const keys = ["a", "b", "c", "d"].filter(() => next(2));
      actions.push(kind === "undo" || kind === "redo" ? mine(kind) : mine(kind, ...keys));
      if (kind === "undo") {
        redoable.push(...holds.splice(-1));
      } else if (kind === "redo") {
        holds.push(...redoable.splice(-1));
      } else {
        holds.push([keys, kind]);
        redoable.length = 0;
      }
    }
    const found = predict(FRESH, actions);
    const expected = Object.fromEntries(holds.flatMap(([keys, kind]) => keys.map((key) => [key, kind])));
    assert.deepEqual(made(found.marks), expected);
    assert.deepEqual([found.numUndo, found.numRedo], [holds.length, redoable.length]);
  }
});

test("a tag is there at once, toggles nothing else, and undo takes it back", () => {
  /** @param {"tag" | "untag"} kind @param {string} tag @param {string[]} keys */
  const tagging = (kind, tag, ...keys) => ({
    kind,
    tag,
    who: "ada",
    samples: keys.map((key) => /** @type {[string, string]} */ ([key, "content"])),
  });
  const tagged = { a: ["dark"] };
  const found = predict({ ...FRESH, tagged }, [tagging("tag", "blurred", "a", "b"), tagging("untag", "dark", "a")]);
  assert.deepEqual(found.tagged, { a: ["blurred"], b: ["blurred"] });
  assert.deepEqual([found.marks, found.numUndo, tagged], [{}, 2, { a: ["dark"] }]);
  const undone = predict({ ...FRESH, tagged }, [tagging("tag", "blurred", "a"), mine("keep", "a"), mine("undo")]);
  assert.deepEqual([undone.tagged.a, made(undone.marks)], [["blurred", "dark"], {}]);
  const twice = predict({ ...FRESH, tagged }, [
    tagging("tag", "blurred", "a"),
    mine("undo"),
    mine("redo"),
    mine("undo"),
  ]);
  assert.deepEqual([twice.tagged.a, twice.numUndo, twice.numRedo], [["dark"], 0, 1]);
});

test("a corrected label counts among what can be undone, and its undo changes no mark and no tag", () => {
  // The server names no sample for it: what it changed is neither a verdict nor a tag.
  const turns = { num_undo: 2, num_redo: 0, next_undo: [null, "a"], next_redo: [] };
  /** @type {Marks} */
  const marks = { a: "drop", b: "keep" };
  const tagged = { b: ["dark"] };
  const once = predict({ ...FRESH, marks, tagged, turns }, [mine("undo")]);
  assert.deepEqual([once.numUndo, once.numRedo, once.marks, once.tagged], [1, 1, marks, tagged]);
  assert.equal(turnedKey(once, "undo"), "a");
  const back = predict({ ...FRESH, marks, tagged, turns }, [mine("undo"), mine("undo"), mine("redo"), mine("redo")]);
  assert.deepEqual([back.numUndo, back.numRedo, made(back.marks), back.tagged], [2, 0, marks, tagged]);
  const after = predict({ ...FRESH, marks, tagged, turns }, [mine("keep", "a"), mine("undo"), mine("undo")]);
  assert.deepEqual([after.numUndo, after.numRedo, after.marks], [1, 2, marks]);
});
