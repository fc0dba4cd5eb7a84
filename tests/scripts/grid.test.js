// The list of the whole dataset: selections as ranges, where tiles are, and filters as text.

import assert from "node:assert/strict";
import test from "node:test";
import { filterText, ruleOf } from "../../pages/ui/widgets/gallery_component/filter_text.js";
import {
  barOf,
  drawnRange,
  LONGEST,
  layOut,
  revealingTop,
  rowTop,
  scrolledTop,
  topOf,
} from "../../pages/ui/widgets/gallery_component/grid_layout.js";
import { add, count, has, remove, toggle } from "../../pages/ui/widgets/gallery_component/intervals.js";

/** @import { Facet, Interval } from "../../pages/ui/widgets/gallery_component/grid_types.js" */

/** @param {Interval[]} intervals */
function setOf(intervals) {
  return new Set(intervals.flatMap(([first, end]) => Array.from({ length: end - first }, (_, index) => first + index)));
}

test("ranges are a set of positions, whatever is added and removed", () => {
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state % 40;
  };
  /** @type {Interval[]} */
  let intervals = [];
  const truth = new Set();
  for (let step = 0; step < 400; step += 1) {
    const first = random();
    const end = first + 1 + (random() % 6);
    const isRemoved = step % 3 === 2;
    intervals = (isRemoved ? remove : add)(intervals, first, end);
    for (let position = first; position < end; position += 1) {
      if (isRemoved) {
        truth.delete(position);
      } else {
        truth.add(position);
      }
    }
    assert.deepEqual([...setOf(intervals)].sort(), [...truth].sort());
    assert.equal(count(intervals), truth.size);
    assert.ok(intervals.every(([from, to], at) => from < to && (at === 0 || intervals[at - 1][1] < from)));
    for (let position = 0; position < 50; position += 1) {
      assert.equal(has(intervals, position), truth.has(position));
    }
  }
  assert.deepEqual(toggle(toggle([], 3), 3), []);
});

test("a list is as wide as its columns, and as long as its rows", () => {
  const layout = layOut(880, 500, 1000, 104, 8, 20);
  assert.equal(layout.columns, 7);
  assert.ok(layout.side >= 104 && layout.columns * (layout.side + 8) - 8 <= 880);
  assert.equal(layout.height, Math.ceil(1000 / 7) * layout.rowHeight);
  assert.deepEqual(drawnRange(layout, 0)[0], 0);
  assert.equal(drawnRange(layout, layout.height - 500)[1], 1000);
});

test("a list that is longer than browsers can draw is reached to its last row", () => {
  const layout = layOut(400, 600, 1_000_000, 104, 8, 20);
  assert.ok(layout.height > LONGEST && layout.length === LONGEST);
  for (const top of [0, 1234, layout.height / 2, layout.height - 600]) {
    assert.ok(Math.abs(topOf(layout, barOf(layout, top)) - top) < 1e-3);
  }
  assert.equal(topOf(layout, layout.length - layout.view), layout.height - layout.view);
  assert.equal(
    scrolledTop(layout, 5000, barOf(layout, 5000), barOf(layout, 5000) + 53),
    5053,
    "a wheel moves by pixels",
  );
  const middle = scrolledTop(layout, 5000, barOf(layout, 5000), LONGEST / 2);
  assert.equal(middle, topOf(layout, LONGEST / 2), "a dragged scroll bar moves by its share");
  assert.equal(scrolledTop(layout, 900, 10, 0), 0, "its end is the list's");
});

test("the least movement brings a row into view", () => {
  const layout = layOut(880, 500, 1000, 104, 8, 20);
  assert.equal(revealingTop(layout, 0, 0), 0);
  const below = revealingTop(layout, 0, 70);
  assert.equal(below, rowTop(layout, 70) + layout.rowHeight - 500);
  assert.equal(revealingTop(layout, 5000, 7), rowTop(layout, 7));
});

/** @param {Partial<Facet>} changed @returns {Facet} */
function facet(changed) {
  return {
    name: "label",
    title: "",
    kind: "values",
    values: [],
    chosen: [],
    edges: [],
    counts: [],
    low: null,
    high: null,
    ...changed,
  };
}

test("what is chosen is text that rules are written in", () => {
  assert.equal(ruleOf(facet({})), "");
  assert.equal(ruleOf(facet({ chosen: ['a "b"', null] })), 'label in ("a \\"b\\"", missing)');
  const numbers = facet({ name: "pixels", kind: "numbers" });
  assert.equal(ruleOf({ ...numbers, low: 64 }), "pixels >= 64");
  assert.equal(ruleOf({ ...numbers, high: 0.5 }), "pixels <= 0.5");
  assert.equal(ruleOf({ ...numbers, low: 1, high: 2 }), "1 <= pixels <= 2");
  const decided = facet({ name: "decided", kind: "decided", chosen: ["keep"] });
  assert.equal(
    filterText([facet({ chosen: ["cat"] }), decided], ["(grey or leak)"]),
    'label in ("cat") and (grey or leak)',
  );
});

test("tags that are chosen are a rule: any of them, or none at all", () => {
  const values = ["dark", 'the "old" ones', null].map((value) => ({ value, title: String(value), count: 1 }));
  /** @param {(string | null)[]} chosen @returns {Facet} */
  const facet = (chosen) => ({
    ...{ name: "tag", title: "Tag", kind: "tags", values, chosen },
    ...{ edges: [], counts: [], low: null, high: null },
  });
  assert.equal(ruleOf(facet([])), "");
  assert.equal(ruleOf(facet(["dark"])), 'tag("dark")');
  assert.equal(ruleOf(facet(["dark", 'the "old" ones'])), '(tag("dark") or tag("the \\"old\\" ones"))');
  assert.equal(ruleOf(facet([null])), 'not (tag("dark") or tag("the \\"old\\" ones"))');
  assert.equal(filterText([facet(["dark"])], ["year >= 2000"]), 'tag("dark") and year >= 2000');
});
