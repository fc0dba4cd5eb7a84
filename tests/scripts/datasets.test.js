// Which datasets a table shows, and in which order.

import assert from "node:assert/strict";
import test from "node:test";

import { listed, nextOrder } from "../../pages/ui/widgets/gallery_component/datasets_order.js";

const rows = /** @type {any[]} */ ([
  { name: "Birds", num_images: 5, last_activity: 3 },
  { name: "cats", num_images: null, last_activity: 9 },
  { name: "dogs", num_images: 70, last_activity: 1 },
  { name: "emus", num_images: 5, last_activity: 2 },
]);

/** @param {import("../../pages/ui/widgets/gallery_component/datasets_types.js").Order} order */
const names = (order, words = "") => listed([...rows], order, words).map((row) => row.name);

test("a first click on a title of numbers begins with the largest, a second turns it round", () => {
  const byName = nextOrder({ column: "num_images", isDescending: true }, "name");
  assert.deepEqual(byName, { column: "name", isDescending: false });
  const largest = nextOrder(byName, "num_images");
  assert.deepEqual(largest, { column: "num_images", isDescending: true });
  assert.deepEqual(nextOrder(largest, "num_images"), { column: "num_images", isDescending: false });
});

test("what has no number is last either way, and equals stay in the order of names", () => {
  assert.deepEqual(names({ column: "num_images", isDescending: true }), ["dogs", "Birds", "emus", "cats"]);
  assert.deepEqual(names({ column: "num_images", isDescending: false }), ["Birds", "emus", "dogs", "cats"]);
  assert.deepEqual(names({ column: "last_activity", isDescending: true }), ["cats", "Birds", "emus", "dogs"]);
  assert.deepEqual(names({ column: "name", isDescending: true }), ["emus", "dogs", "cats", "Birds"]);
});

test("a name is found by a part of it", () => {
  assert.deepEqual(names({ column: "name", isDescending: false }, " BIR "), ["Birds"]);
  assert.deepEqual(names({ column: "name", isDescending: false }, "s"), ["Birds", "cats", "dogs", "emus"]);
  assert.deepEqual(names({ column: "num_images", isDescending: true }, "x"), []);
});
