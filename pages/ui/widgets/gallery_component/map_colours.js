// Which colour each point has: that of its code, or a faint one where a filter or the legend leaves it out.
/** @import { Legend, MapData, MapRoot } from "./map_types.js" */

/** Code of samples without anything to be coloured by. */
export const MISSING = 255;

/** The colours of a legend by code, and after them the faint one. @param {MapData} data @param {Legend} legend */
export function coloursOf(data, legend) {
  if (isScale(legend)) {
    return legend.diverging ? data.diverging : data.ramp;
  }
  const codes = legend.entries.filter((entry) => entry.code !== MISSING).map((entry) => entry.code);
  /** @type {string[]} */
  const colours = new Array(Math.max(0, ...codes.map((code) => code + 1))).fill(data.palette[0]);
  for (const { code, colour } of legend.entries) {
    if (code !== MISSING) {
      colours[code] = data.palette[colour % data.palette.length];
    }
  }
  return colours.length ? colours : [data.palette[0]];
}

/** @param {Legend} legend */
export function isScale(legend) {
  return legend.high > legend.low;
}

/**
 * The place of each point's colour among `number` ones, of which the last two are for missing and for faint points.
 * @param {Pick<MapRoot, "points" | "codes" | "isListed" | "muted">} root
 * @param {number} number
 */
export function placesOfColours({ points, codes, isListed, muted }, number) {
  const rows = points?.rows ?? new Int32Array();
  const found = new Float32Array(rows.length);
  let listed = 0;
  for (let point = 0; point < rows.length; point += 1) {
    const code = codes?.[rows[point]] ?? 0;
    const isThere = (isListed?.[rows[point]] ?? 1) === 1;
    listed += isThere ? 1 : 0;
    if (!isThere || muted.has(code)) {
      found[point] = number - 1;
    } else {
      found[point] = code === MISSING ? number - 2 : Math.min(code, number - 3);
    }
  }
  return { found, listed };
}
