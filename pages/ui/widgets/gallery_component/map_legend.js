// What the colours stand for. A click on a group leaves only that one in colour.
/** @import { Legend, LegendEntry, MapData, MapRoot } from "./map_types.js" */

import { make, makeButton } from "./elements.js";
import { coloursOf, isScale, MISSING } from "./map_colours.js";

/** @param {MapRoot} root @param {() => void} recolour */
export function drawLegend(root, recolour) {
  const legend = root.scale;
  if (!legend) {
    root.legend.replaceChildren();
    return;
  }
  const parts = isScale(legend) ? [drawScale(root.data, legend)] : [];
  const entries = legend.entries.map((entry) => drawEntry(root, entry, recolour));
  root.legend.replaceChildren(...parts, ...entries);
}

/** @param {MapData} data @param {Legend} scale */
function drawScale(data, scale) {
  const box = make("span", "scale");
  const bar = make("span", "bar");
  bar.style.background = `linear-gradient(to right, ${coloursOf(data, scale).join(", ")})`;
  bar.setAttribute("aria-hidden", "true");
  box.append(make("span", "end", data.ends[0]), bar, make("span", "end", data.ends[1]));
  return box;
}

/** @param {MapRoot} root @param {LegendEntry} entry @param {() => void} recolour */
function drawEntry(root, entry, recolour) {
  const { muted, data, scale } = root;
  const codes = scale?.entries.map((other) => other.code) ?? [];
  const isAlone = muted.size > 0 && !muted.has(entry.code);
  const button = makeButton("toggle entry", "", () => {
    root.muted = isAlone ? new Set() : new Set(codes.filter((code) => code !== entry.code));
    drawLegend(root, recolour);
    recolour();
  });
  button.setAttribute("aria-pressed", String(isAlone));
  const dot = make("span", "dot");
  dot.style.background = entry.code === MISSING ? "transparent" : data.palette[entry.colour % data.palette.length];
  dot.classList.toggle("missing", entry.code === MISSING);
  button.append(dot, `${entry.title} `, make("span", "number", entry.count.toLocaleString("en")));
  button.title = data.texts.only;
  return button;
}
