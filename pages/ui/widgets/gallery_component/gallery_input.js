// What mouse and keyboard do in a gallery.
/** @import { GalleryRoot, Verdict } from "./types.js" */

import { act, actTag, select, selectRange, toggle, turnBack } from "./gallery_selection.js";
import { goTo, keyOf, sequenceAt, tileOf, tilesOf } from "./gallery_tiles.js";
import { nearest } from "./geometry.js";
import { toggleHelp } from "./help.js";
import { commandOf, digitOf } from "./keyboard.js";
import { follow } from "./sequence.js";
import { isVerdict } from "./verdicts.js";
import { showInViewer } from "./viewer.js";

/** @param {GalleryRoot} root @param {MouseEvent} event */
export function click(root, event) {
  const tile = tileOf(event);
  if (!tile) {
    return;
  }
  if (/** @type {Element} */ (event.target).closest(".inspect")) {
    inspect(root, tile);
  } else if (event.shiftKey) {
    selectRange(root, root.tabStop ?? tile, tile);
  } else if (event.ctrlKey || event.metaKey || /** @type {Element} */ (event.target).closest(".tick")) {
    toggle(root, tile);
  } else {
    root.anchor = tile;
    pick(root, tile);
  }
  tile.focus({ preventScroll: true });
}

/** @param {GalleryRoot} root @param {HTMLElement} tile */
function pick(root, tile) {
  leadThrough(root, tile);
  root.trigger("picked", { section: Number(tile.dataset.section), sample_key: keyOf(tile) });
}

/** Open the sample window where a click means something else. @param {GalleryRoot} root @param {HTMLElement} tile */
function inspect(root, tile) {
  leadThrough(root, tile);
  root.trigger("inspected", keyOf(tile));
}

/** The sample window leads on through this gallery. @param {GalleryRoot} root @param {HTMLElement} tile */
function leadThrough(root, tile) {
  const sequence = sequenceAt(root, keyOf(tile), tile);
  if (sequence) {
    follow(sequence);
  }
}

/** @param {GalleryRoot} root @param {KeyboardEvent} event */
export function press(root, event) {
  const tile = root.viewer.open ? root.viewer.tile : tileOf(event);
  if (!tile || event.altKey) {
    return;
  }
  const isHandled =
    event.ctrlKey || event.metaKey ? selectAll(root, event.key) : move(root, tile, event) || command(root, tile, event);
  if (isHandled) {
    event.preventDefault();
    event.stopPropagation();
  }
}

/** @param {GalleryRoot} root @param {string} key */
function selectAll(root, key) {
  if (key.toLowerCase() !== "a") {
    return false;
  }
  select(root, root.byKey.keys());
  return true;
}

/**
 * Keys that count wherever the focus is, on another tile or none.
 * @param {GalleryRoot} root
 * @param {KeyboardEvent} event
 */
export function pressAnywhere(root, event) {
  const kind = commandOf(event, root.data.keys);
  if (kind === "help") {
    return Boolean(root.help) && toggleHelp(root);
  }
  const isTurn = kind === "undo" || kind === "redo";
  return isTurn && root.data.can_decide && !root.help?.open && !event.repeat && turnBack(root, kind);
}

/** @param {GalleryRoot} root @param {HTMLElement} tile @param {KeyboardEvent} event */
function command(root, tile, event) {
  const kind = commandOf(event, root.data.keys);
  if (isVerdict(kind)) {
    // A held key is not a second decision.
    return root.data.can_decide && (event.repeat || decide(root, tile, kind));
  }
  if (kind) {
    return pressAnywhere(root, event);
  }
  const digit = digitOf(event);
  if (digit) {
    return root.data.can_decide && (event.repeat || actTag(root, digit, tile));
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const { viewer } = root;
  /** @type {Record<string, () => unknown>} */
  const commands = {
    " ": () => (viewer.open ? viewer.close() : showInViewer(root, tile)),
    Enter: () => {
      viewer.close();
      pick(root, tile);
    },
    x: () => toggle(root, tile),
    ...(root.data.inspects ? { o: () => inspect(root, tile) } : {}),
    Escape: () => (viewer.open ? viewer.close() : root.selection.size && select(root, [])),
  };
  commands[key]?.();
  return key in commands;
}

/**
 * A single decision moves to the next image, so that one finger is enough for a whole page.
 * @param {GalleryRoot} root
 * @param {HTMLElement} tile
 * @param {Verdict} kind
 */
function decide(root, tile, kind) {
  const goesOn = !root.selection.size;
  act(root, kind, tile);
  const tiles = tilesOf(root);
  const next = goesOn && tiles[tiles.indexOf(tile) + 1];
  if (next) {
    goTo(root, next);
  }
  return true;
}

/** @param {GalleryRoot} root @param {HTMLElement} tile @param {KeyboardEvent} event */
function move(root, tile, event) {
  const tiles = tilesOf(root);
  const here = tiles.indexOf(tile);
  /** @type {Record<string, () => HTMLElement | undefined>} */
  const moves = {
    ArrowRight: () => tiles[here + 1],
    ArrowLeft: () => tiles[here - 1],
    ArrowDown: () => inNextRow(tiles, here, 1),
    ArrowUp: () => inNextRow(tiles, here, -1),
    Home: () => tiles[0],
    End: () => tiles.at(-1),
  };
  const target = moves[event.key]?.();
  if (target) {
    goTo(root, target);
    if (event.shiftKey) {
      selectRange(root, tile, target);
    } else {
      root.anchor = target;
    }
  }
  return event.key in moves;
}

/** @param {HTMLElement[]} tiles @param {number} here @param {1 | -1} direction */
function inNextRow(tiles, here, direction) {
  const found = nearest(
    tiles.map((tile) => tile.getBoundingClientRect()),
    here,
    direction,
  );
  return found === undefined ? undefined : tiles[found];
}
