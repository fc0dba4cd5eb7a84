// Where Review is, and which pictures it keeps.
/** @import { Action } from "../../pages/ui/widgets/gallery_component/types.js" */
/** @import { Position } from "../../pages/ui/widgets/gallery_component/deck_position.js" */

import assert from "node:assert/strict";
import test from "node:test";
import { nearby, wholeFactor } from "../../pages/ui/widgets/gallery_component/deck_pictures.js";
import { goTo, neighbour, settle, toTell } from "../../pages/ui/widgets/gallery_component/deck_position.js";

/** @param {string[]} keys @param {Partial<Position["data"]>} [more] @returns {Position} */
function review(keys, more = {}) {
  const cards = new Map(keys.map((key) => [key, { sample_key: key, content_id: key, lines: [], decided_by: "" }]));
  return { data: { at: keys[0], queue: "q", led: null, stage: true, ...more }, cards, keys, at: null };
}

/** @param {Action["kind"]} kind @param {string[]} keys @param {Partial<Action>} [more] @returns {Action} */
function waiting(kind, keys, more = {}) {
  return { token: "", who: "ada", kind, samples: keys.map((key) => [key, key]), ...more };
}

test("Review begins where the page says", () => {
  const root = review(["a", "b", "c"], { at: "b" });
  settle(root, []);
  assert.equal(root.at, "b");
});

test("what the page says later is late, but for another queue and where it leads", () => {
  const root = review(["a", "b", "c"]);
  settle(root, []);
  goTo(root, "c");
  settle(root, []);
  assert.equal(root.at, "c");
  root.data.queue = "other";
  settle(root, []);
  assert.equal(root.at, "a");
  Object.assign(root.data, { at: "b", led: "1" });
  settle(root, []);
  assert.equal(root.at, "b");
  goTo(root, "c");
  settle(root, []);
  assert.equal(root.at, "c", "the same mark does not lead twice");
});

test("behind the last image it waits there for the ones that come", () => {
  const root = review(["a", "b"]);
  settle(root, []);
  goTo(root, "b");
  goTo(root, null);
  settle(root, []);
  assert.equal(root.at, null);
  const more = review(["a", "b", "c"]);
  Object.assign(root, { cards: more.cards, keys: more.keys });
  settle(root, []);
  assert.equal(root.at, "c");
});

test("where the image on the screen is gone the page leads", () => {
  const root = review(["a", "b"]);
  settle(root, []);
  goTo(root, "b");
  const less = review(["a"]);
  Object.assign(root, { cards: less.cards, keys: less.keys });
  settle(root, []);
  assert.equal(root.at, "a");
});

test("after a reload it is behind what was decided and not sent yet", () => {
  const root = review(["a", "b", "c", "d"]);
  settle(root, [waiting("keep", ["a"]), waiting("drop", ["b"], { next: "c" })]);
  assert.equal(root.at, "c");
  const end = review(["a", "b"]);
  settle(end, [waiting("keep", ["a", "b"], { next: null })]);
  assert.deepEqual([end.at, end.lastKey], [null, "b"]);
});

test("after an undo it is at the image that is open again", () => {
  const root = review(["a", "b", "c"]);
  settle(root, [waiting("keep", ["a"], { next: "b" }), waiting("undo", [], { next: "a" })]);
  assert.equal(root.at, "a");
});

test("the page is told the image, behind the last one the last, and nothing while it is to lead", () => {
  const root = review(["a", "b"]);
  settle(root, []);
  assert.equal(toTell(root, []), "a");
  goTo(root, "b");
  goTo(root, null);
  assert.equal(toTell(root, []), "b");
  assert.equal(toTell(root, [waiting("undo", [], { leads: true })]), null);
});

test("a reason is for one image", () => {
  const root = { ...review(["a", "b"]), why: { value: "blurred" } };
  goTo(root, "b");
  assert.equal(root.why.value, "");
});

test("neighbours end where the queue does", () => {
  const root = review(["a", "b"]);
  assert.deepEqual([neighbour(root, "a", 1), neighbour(root, "b", 1)], ["b", undefined]);
  assert.deepEqual([neighbour(root, "a", -1), neighbour(root, "gone", 1)], [undefined, undefined]);
});

test("pictures: the one before, this one, three ahead", () => {
  const keys = ["a", "b", "c", "d", "e", "f", "g"];
  assert.deepEqual(nearby(keys, "a"), ["a", "b", "c", "d"]);
  assert.deepEqual(nearby(keys, "c"), ["b", "c", "d", "e", "f"]);
  assert.deepEqual(nearby(keys, "g"), ["f", "g"]);
  assert.deepEqual(nearby(keys, null), []);
});

test("images of a few pixels grow by a whole factor, and are never made smaller; others fit", () => {
  assert.equal(wholeFactor(32, 28, 500, 400), 14);
  assert.equal(wholeFactor(100, 100, 80, 80), 1);
  assert.equal(wholeFactor(127, 10, 260, 260), 2);
  assert.equal(wholeFactor(128, 10, 500, 500), 0);
});
