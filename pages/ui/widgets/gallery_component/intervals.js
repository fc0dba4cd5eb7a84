// A set of positions in a list that may be long, as ranges [first, end) in order that neither touch nor overlap.
/** @import { Interval } from "./grid_types.js" */

/**
 * @param {Interval[]} intervals
 * @param {number} position
 */
export function has(intervals, position) {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (intervals[middle][1] <= position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < intervals.length && intervals[low][0] <= position;
}

/** @param {Interval[]} intervals */
export function count(intervals) {
  return intervals.reduce((sum, [first, end]) => sum + end - first, 0);
}

/**
 * @param {Interval[]} intervals
 * @param {number} first
 * @param {number} end
 * @returns {Interval[]}
 */
export function add(intervals, first, end) {
  const before = intervals.filter(([, other]) => other < first);
  const after = intervals.filter(([other]) => other > end);
  const touched = intervals.slice(before.length, intervals.length - after.length);
  const from = Math.min(first, ...touched.map(([other]) => other));
  const to = Math.max(end, ...touched.map(([, other]) => other));
  return [...before, [from, to], ...after];
}

/**
 * @param {Interval[]} intervals
 * @param {number} first
 * @param {number} end
 * @returns {Interval[]}
 */
export function remove(intervals, first, end) {
  return intervals.flatMap(([from, to]) => {
    /** @type {Interval[]} */
    const left = [
      [from, Math.min(to, first)],
      [Math.max(from, end), to],
    ];
    return left.filter(([start, stop]) => start < stop);
  });
}

/**
 * @param {Interval[]} intervals
 * @param {number} position
 */
export function toggle(intervals, position) {
  const change = has(intervals, position) ? remove : add;
  return change(intervals, position, position + 1);
}
