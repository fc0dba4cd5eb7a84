// What the colours stand for. A click on a group leaves only that one in colour.
/** @import { LegendEntry, MapRoot } from "./map_types.js" */

import { make, makeButton } from "./elements.js";
import { isScale, MISSING } from "./map_colours.js";

/** @param {MapRoot} root @param {() => void} recolour */
export function drawLegend(root, recolour) {
  const legend = root.scale;
  if (!legend) {
    root.legend.replaceChildren();
    return;
  }
  const parts = isScale(legend) ? [drawScale(root)] : [];
  const entries = legend.entries.map((entry) => drawEntry(root, entry, recolour));
  root.legend.replaceChildren(...parts, ...entries);
}

/** @param {MapRoot} root */
function drawScale(root) {
  const { data, scale } = root;
  const box = make("span", "scale");
  const bar = make("span", "bar");
  const colours = scale?.diverging ? data.diverging : data.ramp;
  bar.style.background = `linear-gradient(to right, ${colours.join(", ")})`;
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
