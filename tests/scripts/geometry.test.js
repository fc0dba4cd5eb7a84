// Rows, neighbours and ranges of tiles.

import assert from "node:assert/strict";
import test from "node:test";
import { byTone, evenColumns, nearest, rangeOf } from "../../pages/ui/widgets/gallery_component/geometry.js";

test("columns make as few rows as fit, and these differ by less than a row's share", () => {
  for (let count = 1; count <= 60; count += 1) {
    for (const width of [10, 56, 300, 777, 1400]) {
      const columns = evenColumns(count, width, 56, 4);
      const most = Math.max(1, Math.floor((width + 4) / 60));
      const rows = Math.ceil(count / columns);
      assert.ok(columns <= most);
      assert.equal(rows, Math.ceil(count / most), "no more rows than are needed");
      assert.ok(columns === 1 || Math.ceil(count / (columns - 1)) > rows, "no emptier last row than is needed");
    }
  }
});

test("a gap is between tiles only", () => {
  assert.equal(evenColumns(2, 104, 50, 4), 2);
  assert.equal(evenColumns(2, 103, 50, 4), 1);
});

/** @param {number[]} lengths of the rows */
function grid(...lengths) {
  return lengths.flatMap((length, row) =>
    Array.from({ length }, (_, column) => ({ top: 100 * row, left: 60 * column })),
  );
}

test("down and up stay in the column where the next row has it, else go to its end", () => {
  const tiles = grid(4, 4, 2);
  assert.equal(nearest(tiles, 1, 1), 5);
  assert.equal(nearest(tiles, 5, -1), 1);
  assert.equal(nearest(tiles, 7, 1), 9);
  assert.equal(nearest(tiles, 9, -1), 5);
});

test("the next row is the nearest one, however far it is", () => {
  const tiles = [...grid(3), { top: 900, left: 500 }, { top: 2000, left: 0 }];
  assert.equal(nearest(tiles, 0, 1), 3);
});

test("above the first and below the last row there is nothing", () => {
  const tiles = grid(3, 3);
  assert.equal(nearest(tiles, 1, -1), undefined);
  assert.equal(nearest(tiles, 4, 1), undefined);
});

test("a range holds both its ends, whichever comes first", () => {
  const tiles = ["a", "b", "c", "d"];
  assert.deepEqual(rangeOf(tiles, "b", "d"), ["b", "c", "d"]);
  assert.deepEqual(rangeOf(tiles, "d", "b"), ["b", "c", "d"]);
  assert.deepEqual(rangeOf(tiles, "c", "c"), ["c"]);
});

test("neighbours of one tone form a group, and order is kept", () => {
  const tiles = ["least", "least", "most", null, null, "most"].map((tone, index) => ({ tone, index }));
  const groups = byTone(tiles);
  assert.deepEqual(
    groups.map((group) => group.map(({ index }) => index)),
    [[0, 1], [2], [3, 4], [5]],
  );
  assert.deepEqual(byTone([]), []);
});
