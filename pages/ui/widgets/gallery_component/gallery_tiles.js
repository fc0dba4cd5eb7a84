// Tiles that are drawn: which there are, which has the focus, and what they do together.
/** @import { GalleryRoot } from "./types.js" */

import { sequenceOf } from "./sequence.js";
import { showInViewer } from "./viewer.js";

/** @param {GalleryRoot} root */
export function tilesOf(root) {
  return /** @type {HTMLElement[]} */ (Array.from(root.querySelectorAll(".tile")));
}

/** @param {Event} event */
export function tileOf(event) {
  return /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(".tile"));
}

/** @param {HTMLElement} tile */
export function keyOf(tile) {
  return tile.dataset.key ?? "";
}

/**
 * One tab stop for the whole gallery; the arrow keys move within it.
 * @param {GalleryRoot} root
 * @param {HTMLElement | null | undefined} tile
 */
export function makeTabStop(root, tile) {
  if (!tile) {
    return;
  }
  root.tabStop?.setAttribute("tabindex", "-1");
  tile.setAttribute("tabindex", "0");
  root.tabStop = tile;
}

/** @param {GalleryRoot} root @param {HTMLElement} tile */
export function goTo(root, tile) {
  makeTabStop(root, tile);
  if (root.viewer.open) {
    showInViewer(root, tile);
  } else {
    tile.focus();
  }
}

/**
 * Mark the same image in other blocks, for instance under another backbone.
 * @param {GalleryRoot} root
 * @param {HTMLElement | null} tile
 */
export function showTwins(root, tile) {
  for (const other of tilesOf(root)) {
    const isTwin = tile && other !== tile && other.dataset.key === tile.dataset.key;
    other.classList.toggle("twin", Boolean(isTwin));
  }
}

/**
 * Rows of one kind, such as the least likely under every backbone, show the same places.
 * @param {GalleryRoot} root
 * @param {EventTarget | null} target
 */
export function scrollTogether(root, target) {
  const list = /** @type {HTMLElement} */ (target);
  if (root.data.layout !== "row" || !list.matches?.(".tiles")) {
    return;
  }
  const tone = list.parentElement?.dataset.tone;
  for (const other of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".tiles"))) {
    if (other !== list && other.parentElement?.dataset.tone === tone && other.scrollLeft !== list.scrollLeft) {
      other.scrollLeft = list.scrollLeft;
    }
  }
}

/**
 * The images of the gallery from one of them on, for the sample window; null if it is not here.
 * @param {GalleryRoot} root
 * @param {string} key
 * @param {HTMLElement} [tile] of several with this key
 */
export function sequenceAt(root, key, tile) {
  const tiles = tilesOf(root);
  const items = tiles.flatMap((other) => root.byKey.get(keyOf(other)) ?? []);
  const position = tile ? tiles.indexOf(tile) : items.findIndex((item) => item.sample_key === key);
  return sequenceOf(items, position, (other) => {
    const now = tilesOf(root)[other];
    if (now?.dataset.key === items[other].sample_key) {
      makeTabStop(root, now);
      now.scrollIntoView({ block: "nearest" });
    }
  });
}
