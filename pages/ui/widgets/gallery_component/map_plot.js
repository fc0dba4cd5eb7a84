// The drawing of the points: regl-scatterplot on a canvas, in the colours of the theme.
/** @import { Corner, MapRoot, Places } from "./map_types.js" */

import { coloursOf, placesOfColours } from "./map_colours.js";
import { fewer } from "./map_corners.js";
import createScatterplot from "./regl_scatterplot.js";

/** Of what is seen the map takes so much, so that its outermost points are whole. */
const SHARE_OF_VIEW = 0.94;
const LEAST_SIZE = 1.25;
const LARGEST_SIZE = 9;
/** Share of the canvas that all points would cover side by side. */
const COVERED = 0.35;

/**
 * @param {MapRoot} root
 * @param {{ over: (point: number) => void, out: () => void, picked: (point: number) => void,
 *   marked: (corners: Corner[]) => void }} heard
 */
export function drawPlot(root, heard) {
  const { width, height } = root.stage.getBoundingClientRect();
  const plot = createScatterplot({
    canvas: root.canvas,
    width: Math.max(1, width),
    height: Math.max(1, height),
    colorBy: "valueA",
    lassoColor: colourOf(root, "--st-primary-color"),
    lassoMinDelay: 8,
    lassoMinDist: 3,
    deselectOnEscape: false,
    pointOutlineWidth: 2,
    pointSizeSelected: 1,
    ...themed(root),
  });
  root.plot = plot;
  plot.subscribe("pointover", heard.over);
  plot.subscribe("pointout", heard.out);
  plot.subscribe("lassoStart", () => {
    root.isLasso = true;
  });
  plot.subscribe("lassoEnd", (/** @type {{ coordinates: Corner[] }} */ { coordinates }) => {
    const corners = Array.from(coordinates, ([x, y]) => /** @type {Corner} */ ([x / SHARE_OF_VIEW, y / SHARE_OF_VIEW]));
    if (corners.length > 2) {
      heard.marked(fewer(corners));
    }
  });
  plot.subscribe("select", (/** @type {{ points: number[] }} */ { points }) => {
    const wasLasso = root.isLasso;
    root.isLasso = false;
    // What is marked is shown by the filter that it becomes, not by a colour of its own.
    plot.deselect({ preventEvent: true });
    if (!wasLasso && points.length === 1) {
      heard.picked(points[0]);
    }
  });
}

/** @param {MapRoot} root @param {string} name */
function colourOf(root, name) {
  return hex(getComputedStyle(root).getPropertyValue(name).trim() || "#808080");
}

/** Colours as the drawing takes them; a canvas knows every way to write one. @param {string} colour */
function hex(colour) {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) {
    return "#808080";
  }
  context.fillStyle = colour;
  return /^#[0-9a-f]{6}$/.test(context.fillStyle) ? context.fillStyle : "#808080";
}

/** @param {MapRoot} root */
function themed(root) {
  return { backgroundColor: colourOf(root, "--st-background-color") };
}

/** Somewhere between two colours. @param {string} one @param {string} other @param {number} share */
function between(one, other, share) {
  const parts = [1, 3, 5].map((at) => {
    const [from, to] = [one, other].map((colour) => Number.parseInt(colour.slice(at, at + 2), 16));
    return Math.round(from + (to - from) * share)
      .toString(16)
      .padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

/**
 * Draw the points in the colours of now, and return how many are listed. Calls that come while one is drawn are one.
 * @param {MapRoot} root
 */
export async function paint(root) {
  const { plot, points, scale } = root;
  if (!plot || !points || !scale) {
    return 0;
  }
  const ground = colourOf(root, "--st-background-color");
  const text = colourOf(root, "--st-text-color");
  const colours = coloursOf(root.data, scale);
  const palette = [...colours, between(ground, text, 0.45), between(ground, text, 0.14)];
  const { found, listed } = placesOfColours(root, palette.length);
  plot.set({ ...themed(root), pointColor: palette, pointSize: sizeOf(root, points) });
  const options = { zDataType: "categorical", ...(root.index ? { spatialIndex: root.index } : {}) };
  await plot.draw({ x: points.x.map(inView), y: points.y.map(inView), valueA: found }, options);
  plot.set({ pointOrder: faintFirst(found, palette.length - 1) });
  root.index = /** @type {ArrayBuffer | undefined} */ (plot.get("spatialIndex") ?? undefined);
  return listed;
}

/** @param {number} place */
function inView(place) {
  return place * SHARE_OF_VIEW;
}

/** Faint points lie below the others. @param {Float32Array} places @param {number} faint */
function faintFirst(places, faint) {
  const order = new Array(places.length);
  let under = 0;
  for (let point = 0; point < places.length; point += 1) {
    if (places[point] === faint) {
      order[under] = point;
      under += 1;
    }
  }
  if (under === 0 || under === places.length) {
    return null;
  }
  for (let point = 0; point < places.length; point += 1) {
    if (places[point] !== faint) {
      order[under] = point;
      under += 1;
    }
  }
  return order;
}

/** @param {MapRoot} root @param {Places} points */
function sizeOf(root, points) {
  const { width, height } = root.stage.getBoundingClientRect();
  const size = Math.sqrt((width * height * COVERED) / Math.max(1, points.rows.length)) / 2;
  return Math.min(LARGEST_SIZE, Math.max(LEAST_SIZE, size));
}

/** @param {MapRoot} root */
export function fitPlot(root) {
  const { width, height } = root.stage.getBoundingClientRect();
  if (root.plot && width > 0 && height > 0) {
    root.plot.set({ width, height, ...(root.points ? { pointSize: sizeOf(root, root.points) } : {}) });
  }
}
