// The whole dataset's list for the sample window. The list may change under it: who decides about what is undecided takes
// samples out of it. What was read stays at its position, and what is read later follows the last that is still there.
/** @import { GridRoot, Row, Source } from "./grid_types.js" */
/** @import { Sequence } from "./types.js" */

import { fetchRows, PAGE_ROWS, parametersOf } from "./grid_data.js";
import { reveal } from "./grid_tiles.js";
import { ask } from "./server.js";

/** Pages that are kept, and rows that are looked for when the list has changed. */
const MAX_PAGES = 8;
const MAX_LOOKED_FOR = 12;

/** @param {GridRoot} root @param {Source} source @param {Row} row @param {number} position @returns {Sequence} */
export function sequenceFrom(root, source, row, position) {
  const rows = new RowsRead(
    (first, number) => fetchRows(root, source, first, number),
    async (key) => (await placeOf(root, source, key)).position,
    source.view,
  );
  rows.put(position, row);
  for (const [page, known] of source.pages) {
    if (Math.abs(page - position / PAGE_ROWS) < 2) {
      known.forEach((other, index) => {
        rows.put(page * PAGE_ROWS + index, other);
      });
    }
  }
  return {
    key: row.sample_key,
    position,
    total: source.total,
    at: (other) => rows.at(other),
    reveal: (other) => {
      if (root.source.view === rows.view) {
        root.here = other;
        reveal(root, other);
      }
    },
  };
}

/**
 * Where a sample is in the list now, null if it is not in it, of how many.
 * @param {GridRoot} root
 * @param {Source} source
 * @param {string} key
 * @returns {Promise<{ position: number | null, total: number }>}
 */
function placeOf(root, source, key) {
  const parameters = parametersOf(source);
  parameters.set("key", key);
  return ask(`${root.data.route}/place?${parameters}`);
}

/** @param {GridRoot} root @param {string} key */
export async function findInList(root, key) {
  const source = root.coming ?? root.source;
  const { position, total } = await placeOf(root, source, key);
  if (position === null) {
    return null;
  }
  const { rows, view } = await fetchRows(root, source, position, 1);
  return rows.length ? sequenceFrom(root, { ...source, total, view }, rows[0], position) : null;
}

/** Rows by their position in a list as it was at first. */
export class RowsRead {
  /** @type {Map<number, Row>} */
  #rows = new Map();
  #shift = 0;

  /**
   * @param {(first: number, number: number) => Promise<{ view: string, rows: Row[] }>} fetch
   * @param {(key: string) => Promise<number | null>} place where a sample is now
   * @param {string | null} view what the list was at first
   */
  constructor(fetch, place, view) {
    this.fetch = fetch;
    this.place = place;
    this.view = view;
  }

  /** @param {number} position @param {Row} row */
  put(position, row) {
    this.#rows.set(position, row);
  }

  /** @param {number} position */
  known(position) {
    return this.#rows.get(position);
  }

  /** @param {number} position @returns {Promise<Row | undefined> | Row | undefined} */
  at(position) {
    return this.#rows.get(position) ?? this.#read(position);
  }

  /** @param {number} position */
  async #read(position) {
    const first = Math.max(0, position - (position % PAGE_ROWS));
    let answer = await this.fetch(Math.max(0, first - this.#shift), PAGE_ROWS);
    if (this.view !== null && answer.view !== this.view) {
      this.view = answer.view;
      this.#shift = await this.#shiftNear(position);
      answer = await this.fetch(Math.max(0, first - this.#shift), PAGE_ROWS);
    }
    this.view = answer.view;
    const from = Math.max(first, this.#shift);
    answer.rows.forEach((row, index) => {
      if (!this.#rows.has(from + index)) {
        this.#rows.set(from + index, row);
      }
    });
    for (const old of this.#rows.keys()) {
      if (this.#rows.size <= MAX_PAGES * PAGE_ROWS) {
        break;
      }
      this.#rows.delete(old);
    }
    return this.#rows.get(position);
  }

  /** By how much the rows near a position have moved to the front of the list. @param {number} position */
  async #shiftNear(position) {
    const near = [...this.#rows].sort(([one], [other]) => Math.abs(one - position) - Math.abs(other - position));
    for (const [at, row] of near.slice(0, MAX_LOOKED_FOR)) {
      const now = await this.place(row.sample_key);
      if (now !== null) {
        return at - now;
      }
    }
    return this.#shift;
  }
}
