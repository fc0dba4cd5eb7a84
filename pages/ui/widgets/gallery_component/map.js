// A map of the dataset: every image a point, its picture under the pointer, a lasso that becomes a filter.
// The page says which places, colours and filters to fetch, and hears what was marked or picked.
// Names come from files and labels: they only ever become textContent and attribute values.
/** @import { MapData, MapRoot } from "./map_types.js" */
/** @import { Mount } from "./types.js" */

import { make, makeButton, makeStatus, pageScroll, say } from "./elements.js";
import { isIn, listen, TEXT_FIELDS } from "./keyboard.js";
import { fetchColours, fetchListed, fetchPlaces } from "./map_data.js";
import { hover, leave, moveCard, sampleAt } from "./map_hover.js";
import { hearFingers, pressOnMap, zoom } from "./map_input.js";
import { drawLegend } from "./map_legend.js";
import { drawPlot, fitPlot, paint } from "./map_plot.js";
import { newToken } from "./outbox.js";

const LEAST_HEIGHT = 300;
const ROOM_BELOW = 12;
const NARROW = 640;
const ZOOM_STEP = 1.5;
/** Where Escape closes or leaves something else. */
const ESCAPED_THEMSELVES = `${TEXT_FIELDS}, [role="listbox"], [data-testid="stPopoverBody"]`;

/** @param {Mount<MapData>} mount */
export default function ({ parentElement, data, setTriggerValue }) {
  const root = /** @type {MapRoot} */ (parentElement.querySelector(".map"));
  const isNew = root.data === undefined;
  root.data = data;
  root.trigger = setTriggerValue;
  if (isNew) {
    begin(root);
  }
  listen(/** @type {any} */ (root), (event) => pressAnywhere(root, event));
  root.clearing.hidden = !data.has_region;
  void show(root);
}

/** @param {MapRoot} root */
function begin(root) {
  const { texts } = root.data;
  root.shown = { places: "", colours: "", listed: "" };
  root.muted = new Set();
  root.known = new Map();
  root.isLasso = false;
  root.setAttribute("aria-label", root.data.label);
  root.status = makeStatus();
  root.problem = make("div", "problem");
  root.problem.setAttribute("role", "alert");
  root.count = make("span", "total");
  root.modes = {
    panZoom: makeButton("toggle", texts.move, () => chooseMode(root, "panZoom")),
    lasso: makeButton("toggle", texts.lasso, () => chooseMode(root, "lasso")),
  };
  root.modes.lasso.title = texts.lasso_help;
  root.clearing = makeButton("toggle", texts.clear, () => root.trigger("cleared", { token: newToken() }));
  const tools = make("div", "tools");
  tools.append(
    root.count,
    root.modes.panZoom,
    root.modes.lasso,
    makeIcon("+", texts.closer, () => zoom(root, ZOOM_STEP)),
    makeIcon("−", texts.farther, () => zoom(root, 1 / ZOOM_STEP)),
    makeButton("toggle", texts.whole, () => root.plot?.reset()),
    root.clearing,
  );
  root.stage = make("div", "stage");
  root.canvas = make("canvas", "points");
  root.canvas.tabIndex = 0;
  root.canvas.setAttribute("role", "img");
  root.canvas.setAttribute("aria-label", root.data.label);
  root.canvas.setAttribute("aria-description", texts.keys);
  root.card = make("div", "card");
  root.card.hidden = true;
  root.stage.append(root.canvas, root.card);
  root.legend = make("div", "legend");
  root.legend.setAttribute("role", "group");
  root.legend.setAttribute("aria-label", texts.legend);
  root.replaceChildren(tools, root.problem, root.stage, root.legend, root.status);
  root.canvas.addEventListener("keydown", (event) => {
    if (pressOnMap(root, event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  });
  root.stage.addEventListener("pointermove", (event) => {
    const { left, top } = root.stage.getBoundingClientRect();
    root.stage.dataset.x = String(event.clientX - left);
    root.stage.dataset.y = String(event.clientY - top);
    moveCard(root);
  });
  root.stage.addEventListener("pointerleave", () => leave(root));
  fitHeight(root);
  try {
    drawPlot(root, {
      over: (point) => hover(root, point),
      out: () => leave(root),
      picked: (point) => void pick(root, point),
      marked: (corners) => {
        chooseMode(root, "panZoom");
        root.trigger("marked", { corners, layout: root.data.layout, token: newToken() });
        say(root, texts.marked);
      },
    });
    hearFingers(root);
  } catch {
    root.problem.textContent = texts.no_webgl;
  }
  chooseMode(root, "panZoom");
  new ResizeObserver(() => fitHeight(root)).observe(root);
  window.addEventListener("resize", () => root.isConnected && fitHeight(root));
}

/** @param {string} text @param {string} title @param {() => void} onclick */
function makeIcon(text, title, onclick) {
  const button = makeButton("toggle", text, onclick);
  button.title = title;
  button.setAttribute("aria-label", title);
  return button;
}

/** @param {MapRoot} root @param {"panZoom" | "lasso"} mode */
function chooseMode(root, mode) {
  root.plot?.set({ mouseMode: mode });
  for (const [name, button] of Object.entries(root.modes)) {
    button.setAttribute("aria-pressed", String(name === mode));
  }
}

/** The map ends where the window ends, with its legend; in a narrow window it is as high as wide. @param {MapRoot} root */
function fitHeight(root) {
  const { top, width } = root.stage.getBoundingClientRect();
  const below = root.legend.offsetHeight + ROOM_BELOW;
  const room = window.innerWidth <= NARROW ? width : window.innerHeight - top - pageScroll(root) - below;
  const height = `${Math.round(Math.max(LEAST_HEIGHT, room))}px`;
  if (root.stage.style.height !== height) {
    root.stage.style.height = height;
  }
  fitPlot(root);
}

/** Fetch what is not the same as what is shown, and paint it. @param {MapRoot} root */
async function show(root) {
  const { places, colours, listed } = root.data;
  root.classList.toggle("coming", root.shown.places !== places);
  try {
    if (root.shown.places !== places) {
      root.shown.places = places;
      const points = await fetchPlaces(places);
      if (root.shown.places !== places) {
        return;
      }
      root.points = points;
      root.index = undefined;
    }
    if (root.shown.colours !== colours) {
      root.shown.colours = colours;
      const found = await fetchColours(colours);
      if (root.shown.colours !== colours) {
        return;
      }
      root.scale = found.legend;
      root.codes = found.codes;
      root.muted = new Set();
      drawLegend(root, () => void repaint(root));
      fitHeight(root);
    }
    if (root.shown.listed !== listed) {
      root.shown.listed = listed;
      const found = listed && root.points ? await fetchListed(listed, root.points.total) : undefined;
      if (root.shown.listed !== listed) {
        return;
      }
      root.isListed = found;
    }
    root.problem.textContent = root.plot ? "" : root.data.texts.no_webgl;
    await repaint(root);
  } catch (error) {
    root.shown = { places: "", colours: "", listed: "" };
    root.problem.textContent = String(error instanceof Error ? error.message : error);
  }
  root.classList.remove("coming");
}

/** One after the other: a drawing that is begun is finished first. @param {MapRoot} root */
async function repaint(root) {
  await root.drawing;
  root.drawing = paintNow(root);
  await root.drawing;
}

/** @param {MapRoot} root */
async function paintNow(root) {
  const listed = await paint(root);
  const placed = root.points?.rows.length ?? 0;
  const { texts } = root.data;
  const all = `${placed.toLocaleString("en")} ${texts.images}`;
  root.count.textContent = listed === placed ? all : `${listed.toLocaleString("en")} ${texts.of} ${all}`;
  root.canvas.dataset.painted = `${root.data.layout} ${listed}`;
}

/** @param {MapRoot} root @param {number} point */
async function pick(root, point) {
  try {
    const sample = await sampleAt(root, point);
    if (sample) {
      root.trigger("picked", { sample_key: sample.sample_key });
    }
  } catch (error) {
    root.problem.textContent = String(error instanceof Error ? error.message : error);
  }
}

/** Escape leaves the lasso, else the region. @param {MapRoot} root @param {KeyboardEvent} event */
function pressAnywhere(root, event) {
  if (event.key !== "Escape" || event.defaultPrevented || isIn(event, ESCAPED_THEMSELVES)) {
    return false;
  }
  if (root.modes.lasso.getAttribute("aria-pressed") === "true") {
    chooseMode(root, "panZoom");
    return true;
  }
  if (root.data.has_region) {
    root.trigger("cleared", { token: newToken() });
    say(root, root.data.texts.cleared);
    return true;
  }
  return false;
}
