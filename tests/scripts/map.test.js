// Which colour each point of the map has, and the corners of a lasso.

import assert from "node:assert/strict";
import test from "node:test";

import { coloursOf, MISSING, placesOfColours } from "../../pages/ui/widgets/gallery_component/map_colours.js";
import { fewer } from "../../pages/ui/widgets/gallery_component/map_corners.js";

const data = /** @type {any} */ ({
  palette: ["#000001", "#000002", "#000003"],
  ramp: ["#0000aa", "#0000bb"],
  diverging: ["#0000cc", "#0000dd"],
});
const points = { x: new Float32Array(4), y: new Float32Array(4), rows: new Int32Array([0, 2, 3, 4]), total: 5 };

test("groups have the colours of their codes, numbers those of a scale", () => {
  const entries = [
    { code: 0, title: "a", count: 2, colour: 2 },
    { code: 1, title: "b", count: 1, colour: 0 },
    { code: MISSING, title: "none", count: 1, colour: 1 },
  ];
  assert.deepEqual(coloursOf(data, { entries, low: 0, high: 0, diverging: false }), ["#000003", "#000001"]);
  assert.deepEqual(coloursOf(data, { entries: [], low: 0, high: 0, diverging: false }), ["#000001"]);
  assert.deepEqual(coloursOf(data, { entries, low: 0, high: 1, diverging: false }), data.ramp);
  assert.deepEqual(coloursOf(data, { entries, low: -1, high: 1, diverging: true }), data.diverging);
});

test("what a filter or the legend leaves out is faint", () => {
  const codes = new Uint8Array([0, 9, 1, MISSING, 1]);
  const all = placesOfColours({ points, codes, isListed: undefined, muted: new Set() }, 4);
  assert.deepEqual([...all.found], [0, 1, 2, 1]);
  assert.equal(all.listed, 4);
  const isListed = new Uint8Array([1, 1, 0, 1, 1]);
  const some = placesOfColours({ points, codes, isListed, muted: new Set([0]) }, 4);
  assert.deepEqual([...some.found], [3, 3, 2, 1]);
  assert.equal(some.listed, 3);
});

test("a lasso of many corners becomes one of few", () => {
  const circle = Array.from({ length: 500 }, (_, at) => [Math.cos(at / 80), Math.sin(at / 80)]);
  const found = fewer(/** @type {[number, number][]} */ (circle));
  assert.equal(found.length, 48);
  assert.deepEqual(found[0], [1, 0]);
  assert.deepEqual(fewer([[0.123456, 1]]), [[0.1235, 1]]);
});
