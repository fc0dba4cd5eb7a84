// The corners of a lasso, few enough for a rule.
/** @import { Corner } from "./map_types.js" */

const MAX_CORNERS = 48;

/** At most so many corners, evenly chosen. @param {Corner[]} corners @returns {Corner[]} */
export function fewer(corners) {
  const step = Math.max(1, corners.length / MAX_CORNERS);
  const kept = Array.from(
    { length: Math.min(corners.length, MAX_CORNERS) },
    (_, place) => corners[Math.floor(place * step)],
  );
  return kept.map(([x, y]) => [Number(x.toFixed(4)), Number(y.toFixed(4))]);
}
