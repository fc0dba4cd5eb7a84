// Where the tiles of a long list are. Browsers limit how long an element may be: beyond that, the scroll bar stands for
// the whole list, and small steps still move it by pixels.
/** @import { GridLayout } from "./grid_types.js" */

/** Firefox draws nothing beyond 17.8 million pixels. */
export const LONGEST = 8_000_000;
/** Rows above and below what is seen that are drawn as well. */
export const MARGIN_ROWS = 2;

/**
 * @param {number} width of the list in pixels, as all others
 * @param {number} view height of what is seen
 * @param {number} total tiles
 * @param {number} size least width of a tile
 * @param {number} gap
 * @param {number} caption height below each picture
 * @returns {GridLayout}
 */
export function layOut(width, view, total, size, gap, caption) {
  const columns = Math.max(1, Math.floor((width + gap) / (size + gap)));
  const side = Math.floor((width - gap * (columns - 1)) / columns);
  const rowHeight = side + caption + gap;
  const height = Math.ceil(total / columns) * rowHeight;
  return { columns, side, gap, rowHeight, view, total, height, length: Math.min(height, LONGEST) };
}

/** @param {GridLayout} layout @param {number} top */
export function clampTop(layout, top) {
  return Math.min(Math.max(top, 0), Math.max(layout.height - layout.view, 0));
}

/** The list's top for a place of the scroll bar. @param {GridLayout} layout @param {number} bar */
export function topOf(layout, bar) {
  const range = layout.length - layout.view;
  return range <= 0 ? 0 : clampTop(layout, (bar * (layout.height - layout.view)) / range);
}

/** The place of the scroll bar for the list's top. @param {GridLayout} layout @param {number} top */
export function barOf(layout, top) {
  const range = layout.height - layout.view;
  return range <= 0 ? 0 : (clampTop(layout, top) * (layout.length - layout.view)) / range;
}

/**
 * The list's top after the scroll bar went from one place to another: by as many pixels where these are near.
 * @param {GridLayout} layout
 * @param {number} top before
 * @param {number} before
 * @param {number} bar
 */
export function scrolledTop(layout, top, before, bar) {
  const isAtEnd = bar <= 0 || bar >= layout.length - layout.view - 1;
  const isNear = Math.abs(bar - before) < 2 * layout.view;
  return layout.height > layout.length && isNear && !isAtEnd
    ? clampTop(layout, top + bar - before)
    : topOf(layout, bar);
}

/** Positions [first, end) that are drawn. @param {GridLayout} layout @param {number} top */
export function drawnRange(layout, top) {
  const first = Math.max(0, Math.floor(top / layout.rowHeight) - MARGIN_ROWS);
  const end = Math.ceil((top + layout.view) / layout.rowHeight) + MARGIN_ROWS;
  return [first * layout.columns, Math.min(layout.total, end * layout.columns)];
}

/** @param {GridLayout} layout @param {number} position */
export function rowTop(layout, position) {
  return Math.floor(position / layout.columns) * layout.rowHeight;
}

/** The top that brings a row into view with the least movement. @param {GridLayout} layout @param {number} top @param {number} position */
export function revealingTop(layout, top, position) {
  const from = rowTop(layout, position);
  const highest = from + layout.rowHeight - layout.view;
  return clampTop(layout, Math.min(from, Math.max(top, highest)));
}
