// Which tiles are selected, what is decided about them, and how both are shown.
/** @import { GalleryRoot, Tag, Turn, Verdict } from "./types.js" */

import { make, makeButton, say } from "./elements.js";
import { goTo, keyOf, tilesOf } from "./gallery_tiles.js";
import { rangeOf } from "./geometry.js";
import { outbox, record } from "./outbox.js";
import { predict } from "./prediction.js";
import { dot, drawTags, pressTag, toggleTag } from "./tags.js";
import { nextTurn } from "./turning.js";
import { DONE, MARKS, markOf, TITLES, turnedText, VERDICTS } from "./verdicts.js";
import { showInViewer } from "./viewer.js";

const SETTLE_MILLISECONDS = 250;

/** @param {GalleryRoot} root @param {Iterable<string>} keys */
export function select(root, keys) {
  root.selection = new Set(keys);
  refresh(root);
  if (root.data.collects) {
    clearTimeout(root.settling);
    root.settling = setTimeout(() => root.keep("chosen", [...root.selection]), SETTLE_MILLISECONDS);
  }
  say(root, `${root.selection.size} selected`);
}

/** @param {GalleryRoot} root @param {HTMLElement} tile */
export function toggle(root, tile) {
  const key = keyOf(tile);
  root.anchor = tile;
  const others = [...root.selection].filter((other) => other !== key);
  select(root, root.selection.has(key) ? others : [...others, key]);
}

/** @param {GalleryRoot} root @param {HTMLElement} from @param {HTMLElement} to */
export function selectRange(root, from, to) {
  const tiles = tilesOf(root);
  const start = root.anchor && tiles.includes(root.anchor) ? root.anchor : from;
  root.anchor = start;
  select(root, rangeOf(tiles, start, to).map(keyOf));
}

/**
 * Apply a verdict to the selection, or else to one tile.
 * @param {GalleryRoot} root
 * @param {Verdict} kind
 * @param {HTMLElement} [tile]
 */
export function act(root, kind, tile) {
  const keys = root.selection.size || !tile ? [...root.selection] : [keyOf(tile)];
  record(root, kind, itemsOf(root, keys));
  if (root.selection.size) {
    select(root, []);
  }
  refresh(root);
  say(root, `${DONE[kind]} ${keys.length === 1 ? keys[0] : `${keys.length} images`}`);
}

/**
 * Add or remove the tag with a key, on the selection or else on one tile. The selection stays, for more tags.
 * @param {GalleryRoot} root
 * @param {number} digit
 * @param {HTMLElement} tile
 */
export function actTag(root, digit, tile) {
  pressTag(root, digit, itemsOf(root, root.selection.size ? root.selection : [keyOf(tile)]));
  refresh(root);
  return true;
}

/** @param {GalleryRoot} root @param {Iterable<string>} keys */
function itemsOf(root, keys) {
  return [...keys].flatMap((key) => root.byKey.get(key) ?? []);
}

/**
 * Undo or redo, and move to the image concerned.
 * @param {GalleryRoot} root
 * @param {Turn} kind
 */
export function turnBack(root, kind) {
  const turned = nextTurn(root, kind);
  if (!turned) {
    return true;
  }
  const { key } = turned;
  record(root, kind, []);
  refresh(root);
  say(root, turnedText(kind, key));
  const tile = tilesOf(root).find((other) => other.dataset.key === key);
  if (tile) {
    goTo(root, tile);
  }
  return true;
}

/**
 * Show what changes without a redraw: selection and marks.
 * @param {GalleryRoot} root
 */
export function refresh(root) {
  const { marks, tagged } = root.data.can_decide ? predict(root.data, outbox(root)) : root.data;
  for (const tile of tilesOf(root)) {
    const key = keyOf(tile);
    const mark = markOf(marks[key]);
    tile.setAttribute("aria-selected", String(root.selection.has(key)));
    if (key === root.data.selected) {
      tile.setAttribute("aria-current", "true");
    } else {
      tile.removeAttribute("aria-current");
    }
    tile.dataset.mark = mark && marks[key];
    /** @type {HTMLElement} */ (tile.querySelector(".mark")).textContent = mark;
    tile.querySelector(".tags")?.replaceChildren(...drawTags(root, tagged[key]));
  }
  root.chosen?.replaceChildren(...drawChosen(root));
  if (root.viewer.open && root.viewer.tile) {
    showInViewer(root, root.viewer.tile, markOf(marks[keyOf(root.viewer.tile)]));
  }
}

/** @param {GalleryRoot} root */
function drawChosen(root) {
  const count = root.selection.size;
  if (!count) {
    return [];
  }
  const verdicts = root.data.can_decide ? VERDICTS : [];
  return [
    make("span", "count", `${count} selected`),
    ...verdicts.map((kind) => makeButton("toggle", MARKS[kind] ?? TITLES[kind], () => act(root, kind))),
    ...(root.data.can_decide ? root.data.tags.map((tag) => drawTagButton(root, tag)) : []),
    makeButton("toggle", "Clear", () => select(root, [])),
  ];
}

/** @param {GalleryRoot} root @param {Tag} tag */
function drawTagButton(root, tag) {
  const button = makeButton("toggle", tag.name, () => {
    toggleTag(root, tag, itemsOf(root, root.selection));
    refresh(root);
  });
  button.prepend(dot(tag.colour));
  return button;
}
