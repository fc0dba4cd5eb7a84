// What mouse, wheel and keyboard do in the whole dataset's list.
/** @import { GridRoot, GridTile } from "./grid_types.js" */

import { say } from "./elements.js";
import { rowAt } from "./grid_data.js";
import { scrolledTop } from "./grid_layout.js";
import { decide, select, selectAll } from "./grid_selection.js";
import { sequenceFrom } from "./grid_sequence.js";
import { pressTagKey } from "./grid_tags.js";
import { place, reveal, setTop } from "./grid_tiles.js";
import { toggleHelp } from "./help.js";
import { add, toggle } from "./intervals.js";
import { commandOf, digitOf } from "./keyboard.js";
import { record } from "./outbox.js";
import { follow } from "./sequence.js";
import { nextTurn } from "./turning.js";
import { isVerdict, turnedText } from "./verdicts.js";
import { showInViewer } from "./viewer.js";

/** Faster than this many screens an event nothing is fetched on the way. */
const FAST_SCREENS = 1.5;
const SETTLE_MILLISECONDS = 120;

/** @param {GridRoot} root */
export function scrolled(root) {
  const bar = root.scroller.scrollTop;
  if (Math.abs(bar - root.place) < 1) {
    return;
  }
  const before = root.top;
  root.top = scrolledTop(root.layout, before, root.place, bar);
  root.place = bar;
  root.isFast = Math.abs(root.top - before) > FAST_SCREENS * root.layout.view;
  place(root);
  clearTimeout(root.settling);
  root.settling = setTimeout(() => settle(root), SETTLE_MILLISECONDS);
}

/** The scroll bar goes where the list is, and what was skipped is fetched. @param {GridRoot} root */
function settle(root) {
  root.isFast = false;
  setTop(root, root.top);
  place(root);
}

/** @param {Event} event */
function tileOf(event) {
  return /** @type {GridTile | null} */ (/** @type {Element} */ (event.target).closest(".tile"));
}

/** @param {GridRoot} root @param {MouseEvent} event */
export function click(root, event) {
  const tile = tileOf(event);
  if (!tile) {
    return;
  }
  const { position } = tile;
  if (event.shiftKey) {
    selectRange(root, position);
  } else if (event.ctrlKey || event.metaKey || /** @type {Element} */ (event.target).closest(".tick")) {
    root.anchor = position;
    select(root, toggle(root.selected, position));
  } else {
    root.anchor = position;
    open(root, position);
  }
  root.here = position;
  root.scroller.focus({ preventScroll: true });
  place(root);
}

/** @param {GridRoot} root @param {number} position */
function selectRange(root, position) {
  const [first, last] = [root.anchor, position].sort((one, other) => one - other);
  select(root, add([], first, last + 1));
}

/** Open the sample window, which leads on through this list. @param {GridRoot} root @param {number} position */
function open(root, position) {
  const { source } = root;
  const row = rowAt(source, position);
  if (row && root.data.is_final) {
    follow(sequenceFrom(root, source, row, position));
    root.trigger("picked", { sample_key: row.sample_key });
  }
}

/** @param {GridRoot} root @param {KeyboardEvent} event */
export function press(root, event) {
  const tile = tileOf(event);
  if (tile && tile.position !== root.here) {
    root.here = tile.position;
  }
  if (event.altKey) {
    return;
  }
  const isHandled =
    event.ctrlKey || event.metaKey ? withControl(root, event.key) : move(root, event) || command(root, event);
  if (isHandled) {
    event.preventDefault();
    event.stopPropagation();
  }
}

/** @param {GridRoot} root @param {string} key */
function withControl(root, key) {
  if (key.toLowerCase() !== "a") {
    return false;
  }
  selectAll(root);
  return true;
}

/** @param {GridRoot} root @param {KeyboardEvent} event */
export function pressAnywhere(root, event) {
  const kind = commandOf(event, root.data.keys);
  if (kind === "help") {
    return toggleHelp(root);
  }
  const isTurn = kind === "undo" || kind === "redo";
  return isTurn && root.data.can_decide && !root.help?.open && !event.repeat && turnBack(root, kind);
}

/** @param {GridRoot} root @param {import("./types.js").Turn} kind */
function turnBack(root, kind) {
  const turned = nextTurn(root, kind);
  if (!turned) {
    return true;
  }
  const { key } = turned;
  record(root, kind, []);
  say(root, turnedText(kind, key));
  place(root);
  return true;
}

/** @param {GridRoot} root @param {KeyboardEvent} event */
function command(root, event) {
  const kind = commandOf(event, root.data.keys);
  if (isVerdict(kind)) {
    // A held key is not a second decision.
    return root.data.can_decide && (event.repeat || decideAndMove(root, kind));
  }
  if (kind) {
    return pressAnywhere(root, event);
  }
  const digit = digitOf(event);
  if (digit) {
    return root.data.can_decide && (event.repeat || pressTagKey(root, digit));
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const { viewer } = root;
  /** @type {Record<string, () => unknown>} */
  const commands = {
    " ": () => (viewer.open ? viewer.close() : enlarge(root)),
    Enter: () => {
      viewer.close();
      open(root, root.here);
    },
    x: () => {
      root.anchor = root.here;
      select(root, toggle(root.selected, root.here));
    },
    Escape: () => (viewer.open ? viewer.close() : select(root, [])),
  };
  commands[key]?.();
  return key in commands;
}

/** A single decision moves to the next image. @param {GridRoot} root @param {import("./types.js").Verdict} kind */
function decideAndMove(root, kind) {
  const goesOn = !root.selected.length;
  if (decide(root, kind) && goesOn) {
    goTo(root, Math.min(root.here + 1, root.source.total - 1));
  }
  return true;
}

/** @param {GridRoot} root @param {number} position */
function goTo(root, position) {
  root.here = position;
  reveal(root, position);
  const tile = root.tiles.get(position);
  root.scroller.setAttribute("aria-activedescendant", tile?.id ?? "");
  if (root.viewer.open) {
    enlarge(root);
  } else {
    root.scroller.focus({ preventScroll: true });
  }
}

/** @param {GridRoot} root */
function enlarge(root) {
  const row = rowAt(root.source, root.here);
  const tile = root.tiles.get(root.here);
  if (row && tile) {
    const text = [row.sample_key, row.value].filter(Boolean).join("\n");
    const shown = { ...row, label: "", caption: "", badge: "", percentile: null, tone: null, tooltip: text, note: "" };
    root.byKey = new Map([[row.sample_key, shown]]);
    showInViewer(root, tile);
  }
}

/** @param {GridRoot} root @param {KeyboardEvent} event */
function move(root, event) {
  const { columns, rowHeight, view } = root.layout;
  const last = root.source.total - 1;
  const screen = Math.max(1, Math.floor(view / rowHeight)) * columns;
  /** @type {Record<string, number>} */
  const targets = {
    ArrowRight: root.here + 1,
    ArrowLeft: root.here - 1,
    ArrowDown: root.here + columns,
    ArrowUp: root.here - columns,
    PageDown: root.here + screen,
    PageUp: root.here - screen,
    Home: 0,
    End: last,
  };
  const target = targets[event.key];
  if (target === undefined || last < 0) {
    return false;
  }
  const position = Math.min(Math.max(target, 0), last);
  if (event.shiftKey) {
    selectRange(root, position);
  } else {
    root.anchor = position;
  }
  goTo(root, position);
  return true;
}
