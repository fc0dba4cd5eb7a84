// The sample window: how large its picture is, what it leads through, and its address.

import assert from "node:assert/strict";
import test from "node:test";
import { RowsRead } from "../../pages/ui/widgets/gallery_component/grid_sequence.js";
import { withParameter } from "../../pages/ui/widgets/gallery_component/sample_address.js";
import {
  findSequence,
  follow,
  followed,
  offer,
  sequenceOf,
} from "../../pages/ui/widgets/gallery_component/sequence.js";
import { carriedOver, fitScale, fitted, scaled, within } from "../../pages/ui/widgets/gallery_component/zoom.js";

/** @import { Row } from "../../pages/ui/widgets/gallery_component/grid_types.js" */
/** @import { Sequence } from "../../pages/ui/widgets/gallery_component/types.js" */

const ROOM = { width: 800, height: 600 };

test("a picture fits its room, and tiny ones by whole factors", () => {
  assert.equal(fitScale({ width: 1600, height: 600 }, ROOM), 0.5);
  assert.equal(fitScale({ width: 400, height: 400 }, ROOM), 1.5);
  assert.equal(fitScale({ width: 28, height: 28 }, ROOM), 21);
  assert.deepEqual(fitted({ width: 1600, height: 600 }, ROOM), { scale: 0.5, x: 0, y: 150 });
});

test("what is under the pointer stays there, unless the picture would leave its room", () => {
  const size = { width: 4000, height: 3000 };
  const at = { x: 300, y: 200 };
  const before = fitted(size, ROOM);
  const after = scaled(size, ROOM, before, 1, at, 1);
  assert.equal(after.scale, 1);
  assert.ok(Math.abs((at.x - before.x) / before.scale - (at.x - after.x) / after.scale) < 1e-9);
  assert.ok(Math.abs((at.y - before.y) / before.scale - (at.y - after.y) / after.scale) < 1e-9);
  assert.deepEqual(scaled(size, ROOM, after, 0.001, at, 1), before, "it is never smaller than what fits");
  assert.equal(scaled(size, ROOM, after, 1000, at, 2).scale, 16, "a pixel is at most 32 of the screen wide");
  assert.equal(scaled({ width: 400, height: 400 }, ROOM, { scale: 1.5, x: 0, y: 0 }, 0, at, 1).scale, 1);
});

test("a picture neither leaves its room nor floats in it", () => {
  const size = { width: 1000, height: 100 };
  assert.deepEqual(within(size, ROOM, { scale: 1, x: 50, y: 0 }), { scale: 1, x: 0, y: 250 });
  assert.deepEqual(within(size, ROOM, { scale: 1, x: -900, y: -900 }), { scale: 1, x: -200, y: 250 });
});

test("the next picture shows the same part at the same scale", () => {
  const [one, other] = [
    { width: 4000, height: 3000 },
    { width: 2000, height: 1500 },
  ];
  const middle = { scale: 1, x: -1600, y: -1200 };
  const found = carriedOver(one, other, ROOM, middle);
  const part = (/** @type {{ width: number }} */ size, /** @type {{ scale: number, x: number }} */ place) =>
    (ROOM.width / 2 - place.x) / (size.width * place.scale);
  assert.ok(Math.abs(part(one, middle) - part(other, found)) < 1e-9);
  assert.equal(found.scale, 1);
});

test("an address changes in its place, as the server writes it", () => {
  const search = "?dataset=a&sample=x%2Fy.png&view=search";
  assert.equal(
    withParameter(search, "sample", "a b/(1)~*'!.png"),
    "?dataset=a&sample=a+b%2F%281%29~%2A%27%21.png&view=search",
  );
  assert.equal(withParameter("", "sample", "ü"), "?sample=%C3%BC");
  assert.equal(withParameter("?samples=1", "sample", "a"), "?samples=1&sample=a");
});

/** @param {string[]} keys */
function items(keys) {
  return keys.map((key) => ({ sample_key: key, content_id: key }));
}

test("what was clicked is gone through, and else the first list that has the sample", async () => {
  const clicked = /** @type {Sequence} */ (sequenceOf(items(["a", "b"]), 1));
  follow(clicked);
  assert.equal(followed("b"), clicked);
  assert.equal(followed("a"), null);
  assert.equal(sequenceOf(items(["a"]), -1), null);
  const gone = { isConnected: false };
  const [first, second] = [{ isConnected: true }, { isConnected: true }];
  offer(gone, () => clicked);
  offer(first, () => null);
  offer(second, (key) => sequenceOf(items(["x", key]), 1));
  const found = await findSequence("y");
  assert.deepEqual([found?.key, found?.position, found?.total], ["y", 1, 2]);
  assert.equal((await found?.at(0))?.sample_key, "x");
});

/** A list of a server that may lose rows. */
class List {
  /** @param {number} number */
  constructor(number) {
    this.keys = Array.from({ length: number }, (_, index) => `${index}`);
    this.asked = 0;
  }

  /** @param {number} first @param {number} number */
  async fetch(first, number) {
    this.asked += 1;
    const rows = items(this.keys.slice(first, first + number));
    return { view: String(this.keys.length), rows: /** @type {Row[]} */ (rows) };
  }

  /** @param {string} key */
  async place(key) {
    const index = this.keys.indexOf(key);
    return index < 0 ? null : index;
  }
}

/** @param {List} list */
function reading(list) {
  return new RowsRead(
    (first, number) => list.fetch(first, number),
    (key) => list.place(key),
    String(list.keys.length),
  );
}

test("rows are read once, a page at a time", async () => {
  const list = new List(1000);
  const rows = reading(list);
  for (const position of [5, 6, 119, 0]) {
    assert.equal((await rows.at(position))?.sample_key, String(position));
  }
  assert.equal(list.asked, 1);
  assert.equal((await rows.at(999))?.sample_key, "999");
  assert.equal(await rows.at(1000), undefined);
});

test("no sample is skipped where those that were decided about leave the list", async () => {
  const list = new List(1000);
  const rows = reading(list);
  const seen = [];
  for (let position = 0; position < 400; position += 1) {
    const row = await rows.at(position);
    await rows.at(position + 3); // as the window reads ahead
    seen.push(row?.sample_key);
    list.keys = list.keys.filter((key) => key !== row?.sample_key);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 400 }, (_, index) => `${index}`),
  );
});

test("where others leave the list, the rest is still in order", async () => {
  const list = new List(600);
  const rows = reading(list);
  await rows.at(100);
  list.keys = list.keys.filter((key) => Number(key) >= 50);
  assert.equal((await rows.at(119))?.sample_key, "119", "what was read stays");
  assert.equal((await rows.at(120))?.sample_key, "120");
  assert.equal((await rows.at(500))?.sample_key, "500");
});
