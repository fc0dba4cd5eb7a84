// The rows of a list, read page by page as they come into view. What was seen long ago is forgotten, so that memory does
// not grow with the length of the list.
/** @import { GridRoot, Row, RowsAnswer, Source } from "./grid_types.js" */

import { ask } from "./server.js";

export const PAGE_ROWS = 120;
const MAX_PAGES = 48;

/** @param {{ query: string }} data @param {string} filter @param {string} decided @returns {Source} */
export function newSource({ query }, filter, decided) {
  return { query, filter, decided, view: null, total: 0, pages: new Map(), asked: new Map() };
}

/** @param {Source} source */
export function parametersOf(source) {
  const parameters = new URLSearchParams(source.query);
  parameters.set("filter", source.filter);
  parameters.set("decided", source.decided);
  return parameters;
}

/** @param {Source} source @param {number} position @returns {Row | undefined} */
export function rowAt(source, position) {
  return source.pages.get(Math.floor(position / PAGE_ROWS))?.[position % PAGE_ROWS];
}

/**
 * Ask for the pages of some positions, and drop the requests for others.
 * @param {GridRoot} root
 * @param {Source} source
 * @param {number} first
 * @param {number} end
 * @param {(source: Source) => void} arrived
 */
export function need(root, source, first, end, arrived) {
  const from = Math.floor(first / PAGE_ROWS);
  const to = Math.floor(Math.max(first, end - 1) / PAGE_ROWS);
  for (const [page, request] of source.asked) {
    if (page < from || page > to) {
      request.abort();
      source.asked.delete(page);
    }
  }
  for (let page = from; page <= to; page += 1) {
    const known = source.pages.get(page);
    if (known) {
      // The last used is last.
      source.pages.delete(page);
      source.pages.set(page, known);
    } else if (!source.asked.has(page)) {
      void read(root, source, page, arrived);
    }
  }
}

/** @param {GridRoot} root @param {Source} source @param {number} page @param {(source: Source) => void} arrived */
async function read(root, source, page, arrived) {
  const request = new AbortController();
  source.asked.set(page, request);
  try {
    const answer = await fetchRows(root, source, page * PAGE_ROWS, PAGE_ROWS, request.signal);
    source.asked.delete(page);
    if (source.view !== null && source.view !== answer.view) {
      source.pages.clear();
    }
    source.view = answer.view;
    source.total = answer.total;
    source.pages.set(page, answer.rows);
    for (const old of source.pages.keys()) {
      if (source.pages.size <= MAX_PAGES) {
        break;
      }
      source.pages.delete(old);
    }
    sayProblem(root, "");
    arrived(source);
  } catch (error) {
    source.asked.delete(page);
    if (!request.signal.aborted) {
      sayProblem(root, String(error instanceof Error ? error.message : error));
    }
  }
}

/**
 * @param {GridRoot} root
 * @param {Source} source
 * @param {number} first
 * @param {number} number
 * @param {AbortSignal} [signal]
 * @returns {Promise<RowsAnswer>}
 */
export async function fetchRows(root, source, first, number, signal) {
  const parameters = parametersOf(source);
  parameters.set("from", String(first));
  parameters.set("n", String(number));
  return ask(`${root.data.route}/rows?${parameters}`, signal);
}

/** @param {GridRoot} root @param {string} text */
export function sayProblem(root, text) {
  root.problem.textContent = text;
}
