// The whole dataset in one list that scrolls, with what it can be filtered by beside it. Rows and counts come by HTTP;
// the page says only which list it is, and hears what was chosen, for its address.
// Names come from files and labels: they only ever become textContent and attribute values.
/** @import { GridData, GridRoot, Source } from "./grid_types.js" */
/** @import { Mount } from "./types.js" */

import { make, makeStatus, pageScroll } from "./elements.js";
import { need, newSource, PAGE_ROWS, rowAt } from "./grid_data.js";
import { click, press, pressAnywhere, scrolled } from "./grid_input.js";
import { askFacets, drawRail } from "./grid_rail.js";
import { drawTools, refreshTools } from "./grid_selection.js";
import { findInList } from "./grid_sequence.js";
import { measure, place, setTop } from "./grid_tiles.js";
import { listen } from "./keyboard.js";
import { acknowledge, outbox } from "./outbox.js";
import { offer } from "./sequence.js";
import { isVerdict } from "./verdicts.js";
import { drawViewer } from "./viewer.js";

const LEAST_HEIGHT = 320;
const ROOM_BELOW = 12;
const TELL_MILLISECONDS = 250;
/** For so long the page may still say what was chosen before. */
const LATE_MILLISECONDS = 4000;

/** @param {Mount<GridData>} mount */
export default function ({ parentElement, data, setTriggerValue }) {
  const root = /** @type {GridRoot} */ (parentElement.querySelector(".grid"));
  const isNew = root.data === undefined;
  root.data = data;
  root.trigger = setTriggerValue;
  root.report = (actions) => setTriggerValue("acted", { actions });
  if (isNew) {
    begin(root);
  }
  listen(root, (event) => pressAnywhere(root, event));
  keepVerdicts(root);
  acknowledge(root);
  if (!isLate(root)) {
    adopt(root);
  }
  refreshTools(root);
  place(root);
  offer(root, (key) => findInList(root, key));
}

/** @param {GridRoot} root */
function begin(root) {
  root.size = root.data.size;
  root.selected = [];
  root.tiles = new Map();
  root.pool = [];
  root.byKey = new Map();
  root.here = 0;
  root.anchor = 0;
  root.top = 0;
  root.place = 0;
  root.isFast = false;
  root.filter = root.data.filter;
  root.decided = root.data.decided;
  root.facets = { facets: [], rest: [], num_listed: 0, num_samples: 0 };
  root.source = newSource(root.data, root.filter, root.decided);
  root.arrived = (source) => arrived(root, source);
  root.setAttribute("aria-label", root.data.label);
  root.status = makeStatus();
  root.problem = make("div", "problem");
  root.problem.setAttribute("role", "alert");
  root.viewer = drawViewer();
  root.scroller = make("div", "scroller");
  root.scroller.tabIndex = 0;
  root.scroller.setAttribute("role", "listbox");
  root.scroller.setAttribute("aria-multiselectable", "true");
  root.scroller.setAttribute("aria-label", root.data.label);
  root.spacer = root.scroller.appendChild(make("div", "spacer"));
  const side = drawRail(root, (filter, decided) => choose(root, filter, decided));
  const list = make("div", "list");
  list.append(
    drawTools(root, (size) => resize(root, size)),
    root.problem,
    root.scroller,
  );
  root.replaceChildren(side, list, root.status, root.viewer, ...(root.help ? [root.help] : []));
  root.scroller.addEventListener("scroll", () => scrolled(root), { passive: true });
  root.scroller.addEventListener("click", (event) => click(root, event));
  root.scroller.addEventListener("keydown", (event) => press(root, event));
  root.viewer.addEventListener("keydown", (event) => press(root, event));
  new ResizeObserver(() => fitHeight(root)).observe(root);
  window.addEventListener("resize", () => root.isConnected && fitHeight(root));
  measure(root, 0);
  root.drawnState = root.data.state;
  load(root, root.source);
}

/** The list ends where the window ends. @param {GridRoot} root */
function fitHeight(root) {
  const above = root.scroller.getBoundingClientRect().top + pageScroll(root);
  root.scroller.style.height = `${Math.max(LEAST_HEIGHT, window.innerHeight - above - ROOM_BELOW)}px`;
  root.rail.style.maxHeight = `${Math.max(LEAST_HEIGHT, window.innerHeight - above - ROOM_BELOW)}px`;
  relayOut(root);
}

/** Lay out anew, with the same sample at the top. @param {GridRoot} root */
function relayOut(root) {
  const first = Math.floor(root.top / root.layout.rowHeight) * root.layout.columns;
  measure(root, root.source.total);
  setTop(root, Math.floor(first / root.layout.columns) * root.layout.rowHeight);
  place(root);
}

/** @param {GridRoot} root @param {number} size */
function resize(root, size) {
  root.size = size;
  relayOut(root);
}

/** Something was chosen in the rail. @param {GridRoot} root @param {string} filter @param {string} decided */
function choose(root, filter, decided) {
  root.filter = filter;
  root.decided = decided;
  load(root, newSource(root.data, filter, decided));
  root.told = { filter, decided, until: Date.now() + LATE_MILLISECONDS };
  clearTimeout(root.telling);
  root.telling = setTimeout(() => root.trigger("filtered", { filter, decided }), TELL_MILLISECONDS);
}

/** Whether the page does not know yet what was chosen here. @param {GridRoot} root */
function isLate(root) {
  const { told, data } = root;
  if (told && told.filter === data.filter && told.decided === data.decided) {
    root.told = undefined;
  }
  return Boolean(root.told && Date.now() < root.told.until);
}

/** Show what the page says: another list, or the same one after decisions or measurements. @param {GridRoot} root */
function adopt(root) {
  const { data } = root;
  const source = root.coming ?? root.source;
  if (source.query !== data.query || source.filter !== data.filter || source.decided !== data.decided) {
    root.filter = data.filter;
    root.decided = data.decided;
    load(root, newSource(data, data.filter, data.decided));
    root.drawnState = data.state;
  } else if (root.drawnState !== data.state && !root.coming) {
    root.drawnState = data.state;
    load(root, newSource(data, root.filter, root.decided), true);
  }
}

/**
 * Read a list; the former one is shown until its first rows are there.
 * @param {GridRoot} root
 * @param {Source} source
 * @param {boolean} [stays] the same list, after a decision: what is seen and selected stays
 */
function load(root, source, stays = false) {
  root.coming = source;
  root.stays = stays;
  root.scroller.classList.toggle("coming", !stays);
  const first = stays ? Math.floor(root.top / root.layout.rowHeight) * root.layout.columns : 0;
  need(root, source, first, first + 1, root.arrived);
  askFacets(root, source);
}

/** @param {GridRoot} root @param {Source} source some of whose rows were read */
function arrived(root, source) {
  if (source === root.coming) {
    root.coming = undefined;
    show(root, source);
  } else if (source === root.source) {
    if (source.total !== root.layout.total) {
      measure(root, source.total);
    }
    refreshTools(root);
    place(root);
  }
}

/** @param {GridRoot} root @param {Source} source */
function show(root, source) {
  const key = rowAt(root.source, root.here)?.sample_key;
  const isSame = root.source.view === source.view;
  root.source = source;
  root.scroller.classList.remove("coming");
  measure(root, source.total);
  if (root.stays) {
    root.selected = isSame ? root.selected : [];
    root.here = positionOf(source, key) ?? Math.min(root.here, Math.max(source.total - 1, 0));
    setTop(root, root.top);
  } else {
    root.selected = [];
    root.here = 0;
    root.anchor = 0;
    setTop(root, 0);
  }
  refreshTools(root);
  place(root);
  if (!isLate(root)) {
    adopt(root); // what the page said while this list was read
  }
}

/** Where a sample is among the rows that were read. @param {Source} source @param {string | undefined} key */
function positionOf(source, key) {
  for (const [page, rows] of source.pages) {
    const index = rows.findIndex((row) => row.sample_key === key);
    if (index >= 0) {
      return page * PAGE_ROWS + index;
    }
  }
  return undefined;
}

/** What the server has heard of stays on the rows that were read before. @param {GridRoot} root */
function keepVerdicts(root) {
  const known = new Set(root.data.done);
  for (const { kind, samples, token } of outbox(root)) {
    if (known.has(token) && isVerdict(kind)) {
      const keys = new Set(samples.map(([key]) => key));
      for (const row of [...root.source.pages.values()].flat()) {
        if (keys.has(row.sample_key)) {
          row.verdict = kind;
        }
      }
    }
  }
}
