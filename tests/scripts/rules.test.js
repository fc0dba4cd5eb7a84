import assert from "node:assert/strict";
import test from "node:test";

import { completionKey, stepTo, take } from "../../pages/ui/widgets/gallery_component/rules_text.js";
import { press } from "./standins.js";

/** @param {string} text @param {number} cursor @param {number} back @param {number} forward @param {string} inserted */
function taken(text, cursor, back, forward, inserted) {
  return take(text, cursor, { back, forward, options: [] }, { text: inserted, title: "", about: "" });
}

test("a suggestion takes the place of what was typed, on both sides of the cursor", () => {
  assert.deepEqual(taken("cla >= 5", 3, 3, 0, "class_percentile"), { text: "class_percentile >= 5", cursor: 16 });
  assert.deepEqual(taken('label = "ca" and x', 11, 3, 1, '"cat"'), { text: 'label = "cat" and x', cursor: 13 });
  assert.deepEqual(taken("", 0, 0, 0, "label "), { text: "label ", cursor: 6 });
});

test("Enter is the field's own unless an option is marked", () => {
  assert.equal(completionKey(press("Enter"), true, -1), null);
  assert.equal(completionKey(press("Enter"), false, -1), null);
  assert.equal(completionKey(press("Enter"), true, 0), "take");
  assert.equal(completionKey(press("Enter", { isComposing: true }), true, 0), null);
});

test("keys open, walk through and close the list", () => {
  assert.equal(completionKey(press("ArrowDown"), false, -1), "open");
  assert.equal(completionKey(press(" ", { code: "Space", ctrlKey: true }), false, -1), "open");
  assert.equal(completionKey(press("ArrowDown"), true, -1), "next");
  assert.equal(completionKey(press("ArrowUp"), true, 0), "previous");
  assert.equal(completionKey(press("ArrowUp"), false, -1), null);
  assert.equal(completionKey(press("Escape"), true, -1), "close");
  assert.equal(completionKey(press("Escape"), false, -1), null);
  assert.equal(completionKey(press("ArrowLeft"), true, 2), "leave");
  assert.equal(completionKey(press("a"), true, 2), null);
});

test("Tab takes the marked option, and else goes on to what is next", () => {
  assert.equal(completionKey(press("Tab"), true, 1), "take");
  assert.equal(completionKey(press("Tab"), true, -1), null);
  assert.equal(completionKey(press("Tab", { shiftKey: true }), true, 1), null);
});

test("keys of the browser stay its own", () => {
  assert.equal(completionKey(press("ArrowDown", { altKey: true }), true, 0), null);
  assert.equal(completionKey(press("Enter", { ctrlKey: true }), true, 0), null);
  assert.equal(completionKey(press("ArrowDown", { metaKey: true }), true, 0), null);
});

test("past either end no option is marked, then the other end is", () => {
  assert.deepEqual(
    [-1, 0, 1, 2].map((active) => stepTo(active, 1, 3)),
    [0, 1, 2, -1],
  );
  assert.deepEqual(
    [-1, 0, 1, 2].map((active) => stepTo(active, -1, 3)),
    [2, -1, 0, 1],
  );
});
