// Places, colours and filters of the points, as bytes.
/** @import { Legend, Places } from "./map_types.js" */

import { askBytes } from "./server.js";

/** x of all samples, then y; those without a place have NaN. @param {string} address @returns {Promise<Places>} */
export async function fetchPlaces(address) {
  const all = new Float32Array(await askBytes(address));
  const total = all.length / 2;
  const rows = new Int32Array(total);
  let placed = 0;
  for (let row = 0; row < total; row += 1) {
    if (!Number.isNaN(all[row])) {
      rows[placed] = row;
      placed += 1;
    }
  }
  const x = new Float32Array(placed);
  const y = new Float32Array(placed);
  for (let point = 0; point < placed; point += 1) {
    x[point] = all[rows[point]];
    y[point] = all[total + rows[point]];
  }
  return { x, y, rows: rows.slice(0, placed), total };
}

/** A legend as JSON, with its length before it, then a code for each sample. @param {string} address */
export async function fetchColours(address) {
  const found = await askBytes(address);
  const length = new DataView(found).getUint32(0, true);
  const legend = /** @type {Legend} */ (JSON.parse(new TextDecoder().decode(new Uint8Array(found, 4, length))));
  return { legend, codes: new Uint8Array(found, 4 + length) };
}

/** 1 for each listed sample, from a bit each, the highest first. @param {string} address @param {number} total */
export async function fetchListed(address, total) {
  const bits = new Uint8Array(await askBytes(address));
  const listed = new Uint8Array(total);
  for (let row = 0; row < total; row += 1) {
    listed[row] = (bits[row >> 3] >> (7 - (row & 7))) & 1;
  }
  return listed;
}
