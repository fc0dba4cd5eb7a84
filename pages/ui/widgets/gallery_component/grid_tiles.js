// The tiles in view. An element that leaves the view is used for one that comes in, so there are never more than fit.
/** @import { GridRoot, GridTile, Row } from "./grid_types.js" */

import { make, thumbnail } from "./elements.js";
import { need, PAGE_ROWS, rowAt } from "./grid_data.js";
import { barOf, clampTop, drawnRange, layOut, revealingTop, rowTop } from "./grid_layout.js";
import { has } from "./intervals.js";
import { outbox } from "./outbox.js";
import { predict } from "./prediction.js";
import { drawTags } from "./tags.js";
import { markOf } from "./verdicts.js";

const GAP = 8;
const CAPTION = 20;

/** @param {GridRoot} root @param {number} total */
export function measure(root, total) {
  const width = root.spacer.clientWidth;
  root.layout = layOut(width, root.scroller.clientHeight, total, root.size, GAP, CAPTION);
  root.spacer.style.height = `${root.layout.length}px`;
  root.scroller.style.setProperty("--side", `${root.layout.side}px`);
}

/** Bring the list's top to a place. @param {GridRoot} root @param {number} top */
export function setTop(root, top) {
  root.top = clampTop(root.layout, top);
  root.place = barOf(root.layout, root.top);
  root.scroller.scrollTop = root.place;
}

/** @param {GridRoot} root @param {number} position */
export function reveal(root, position) {
  setTop(root, revealingTop(root.layout, root.top, position));
  place(root);
}

/** Draw what is in view. @param {GridRoot} root */
export function place(root) {
  const { layout, source, tiles } = root;
  const [first, end] = drawnRange(layout, root.top);
  for (const [position, tile] of tiles) {
    if (position < first || position >= end) {
      tiles.delete(position);
      root.pool.push(tile);
    }
  }
  const said = saidOf(root, first, end);
  const shift = root.scroller.scrollTop - root.top;
  for (let position = first; position < end; position += 1) {
    const tile = tiles.get(position) ?? takeTile(root, position);
    const column = position % layout.columns;
    tile.style.transform = `translate(${column * (layout.side + layout.gap)}px, ${rowTop(layout, position) + shift}px)`;
    fill(root, tile, rowAt(source, position), said);
  }
  for (const tile of root.pool) {
    tile.hidden = true;
    tile.shown = "";
    tile.removeAttribute("data-key");
  }
  if (!root.isFast && end > first) {
    need(root, source, Math.max(0, first - PAGE_ROWS / 2), Math.min(layout.total, end + PAGE_ROWS / 2), root.arrived);
  }
}

/** @param {GridRoot} root @param {number} first @param {number} end */
function saidOf(root, first, end) {
  /** @type {import("./types.js").Marks} */
  const marks = {};
  /** @type {import("./types.js").Tagged} */
  const tagged = {};
  for (let position = first; position < end; position += 1) {
    const row = rowAt(root.source, position);
    if (row) {
      marks[row.sample_key] = row.verdict ?? undefined;
      tagged[row.sample_key] = row.tags;
    }
  }
  return root.data.can_decide ? predict({ ...root.data, marks, tagged }, outbox(root)) : { marks, tagged };
}

/** @param {GridRoot} root @param {number} position */
function takeTile(root, position) {
  const tile = root.pool.pop() ?? makeTile(root);
  if (tile.contains(/** @type {ShadowRoot} */ (root.getRootNode()).activeElement)) {
    root.scroller.focus({ preventScroll: true });
  }
  tile.hidden = false;
  tile.position = position;
  root.tiles.set(position, tile);
  return tile;
}

/** @param {GridRoot} root */
function makeTile(root) {
  const tile = /** @type {GridTile} */ (/** @type {unknown} */ (make("div", "tile")));
  tile.setAttribute("role", "option");
  tile.tabIndex = -1;
  const frame = tile.appendChild(make("span", "frame"));
  tile.image = frame.appendChild(document.createElement("img"));
  tile.image.decoding = "async";
  tile.image.draggable = false;
  tile.image.onload = () => tile.classList.remove("loading");
  tile.image.onerror = () => tile.classList.add("missing");
  frame.appendChild(make("span", "tick")).setAttribute("aria-hidden", "true");
  tile.tags = frame.appendChild(make("span", "tags"));
  tile.mark = frame.appendChild(make("span", "mark"));
  tile.caption = tile.appendChild(make("span", "caption"));
  root.spacer.append(tile);
  return tile;
}

/** @typedef {{ marks: import("./types.js").Marks, tagged: import("./types.js").Tagged }} Said */

/** @param {GridRoot} root @param {GridTile} tile @param {Row | undefined} row @param {Said} said */
function fill(root, tile, row, { marks, tagged }) {
  const { position } = tile;
  tile.setAttribute("aria-selected", String(has(root.selected, position)));
  tile.classList.toggle("here", position === root.here);
  const wanted = row ? `${row.content_id} ${row.sample_key} ${row.value}` : "";
  if (tile.shown !== wanted) {
    tile.shown = wanted;
    tile.id = `tile-${position}`;
    tile.classList.toggle("waiting", !row);
    tile.classList.remove("missing");
    tile.caption.textContent = row ? row.value || row.label || nameOf(row) : "";
    tile.title = row ? tooltip(row) : "";
    tile.image.alt = row?.sample_key ?? "";
    tile.classList.add("loading");
    if (row) {
      tile.dataset.key = row.sample_key;
      tile.image.src = thumbnail(row);
    } else {
      tile.removeAttribute("data-key");
      tile.image.removeAttribute("src");
    }
  }
  const verdict = row && marks[row.sample_key];
  const mark = markOf(verdict);
  if (tile.mark.textContent !== mark) {
    tile.mark.textContent = mark;
  }
  tile.dataset.mark = mark ? verdict : "";
  const tags = row ? tagged[row.sample_key] : undefined;
  const drawn = JSON.stringify([tags, tags?.length ? root.data.tags : 0]);
  if (tile.drawnTags !== drawn) {
    tile.drawnTags = drawn;
    tile.tags.replaceChildren(...drawTags(root, tags));
  }
  if (row && row.sample_key === root.data.selected) {
    tile.setAttribute("aria-current", "true");
  } else {
    tile.removeAttribute("aria-current");
  }
  tile.setAttribute("aria-posinset", String(position + 1));
  tile.setAttribute("aria-setsize", String(root.layout.total));
}

/** @param {Row} row */
function nameOf(row) {
  return row.sample_key.slice(row.sample_key.lastIndexOf("/") + 1);
}

/** @param {Row} row */
function tooltip(row) {
  return [row.sample_key, row.label, `${row.width} × ${row.height} pixels`, row.value].filter(Boolean).join("\n");
}
