// The bar above the list: how much it holds, what is selected, and what is done with it.
/** @import { GridRoot, Interval } from "./grid_types.js" */
/** @import { Command, HelpRow, Verdict } from "./types.js" */

import { make, makeButton, say } from "./elements.js";
import { parametersOf, rowAt } from "./grid_data.js";
import { drawTagMenu } from "./grid_tags.js";
import { place } from "./grid_tiles.js";
import { CLEAR_ROW, helpRows, makeHelp, makeHelpButton, TILE_ROWS } from "./help.js";
import { count } from "./intervals.js";
import { newToken, record } from "./outbox.js";
import { TAG_HELP } from "./tags.js";
import { DONE, MARKS, TITLES, VERDICTS } from "./verdicts.js";

/** @type {HelpRow[]} */
const MOVES = [
  [["←", "→", "↑", "↓"], "Move to another image"],
  [["Page Up", "Page Down", "Home", "End"], "Move by a screen, to the first, to the last"],
  ...TILE_ROWS,
  [["Ctrl + A"], "Select all that match; the next decision applies to all selected"],
  CLEAR_ROW,
];
/** So many ranges fit into an address. */
const MOST_RANGES = 500;

/** @param {GridRoot} root @param {(size: number) => void} resize */
export function drawTools(root, resize) {
  const bar = make("div", "tools");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", `View of ${root.data.label}`);
  root.total = bar.appendChild(make("span", "total"));
  const all = makeButton("toggle", "Select all", () => selectAll(root));
  all.title = "Select all images that match, not only those in view";
  all.hidden = !root.data.can_decide;
  bar.append(all);
  root.chosen = bar.appendChild(make("span", "chosen"));
  bar.append(drawSlider(root, resize));
  const commands = /** @type {Command[]} */ (root.data.can_decide ? Object.keys(root.data.keys) : ["help"]);
  makeHelp(root, [...helpRows(root.data.keys, commands), ...(root.data.can_decide ? [TAG_HELP] : []), ...MOVES]);
  bar.append(makeHelpButton(root));
  return bar;
}

/** @param {GridRoot} root @param {(size: number) => void} resize */
function drawSlider(root, resize) {
  const label = make("label", "size", "Size");
  const slider = label.appendChild(document.createElement("input"));
  slider.type = "range";
  Object.assign(slider, { min: 48, max: 256, step: 8, value: root.size });
  slider.oninput = () => resize(Number(slider.value));
  slider.onchange = () => root.trigger("viewed", { size: Number(slider.value) });
  root.slider = slider;
  return label;
}

/** @param {GridRoot} root */
export function refreshTools(root) {
  const { total, view } = root.source;
  const all = root.facets.num_samples;
  const listed = total.toLocaleString("en-US");
  const isPart = all > total && view !== null;
  const noun = (isPart ? all : total) === 1 ? "sample" : "samples";
  root.total.textContent =
    view === null ? "" : isPart ? `${listed} of ${all.toLocaleString("en-US")} ${noun}` : `${listed} ${noun}`;
  root.scroller.classList.toggle("nothing", view !== null && total === 0);
  root.scroller.classList.toggle("begun", !root.data.is_final);
  const number = count(root.selected);
  const chosen = JSON.stringify([root.selected, number && root.data.tags, root.data.can_decide]);
  if (root.drawnChosen !== chosen) {
    root.drawnChosen = chosen;
    root.chosen.replaceChildren(...(number ? drawChosen(root, number) : []));
  }
}

/** @param {GridRoot} root @param {number} number */
function drawChosen(root, number) {
  const verdicts = root.data.can_decide ? VERDICTS : [];
  const keys = makeButton("toggle", "Download keys", () => download(root));
  keys.title = "Text file with the key of each selected image, one per line";
  return [
    make("span", "count", `${number.toLocaleString("en-US")} selected`),
    ...verdicts.map((kind) => makeButton("toggle", MARKS[kind] ?? TITLES[kind], () => decide(root, kind))),
    ...(root.data.can_decide ? [drawTagMenu(root)] : []),
    ...(root.selected.length <= MOST_RANGES ? [keys] : []),
    makeButton("toggle", "Clear", () => select(root, [])),
  ];
}

/** @param {GridRoot} root @param {Interval[]} selected */
export function select(root, selected) {
  root.selected = selected;
  refreshTools(root);
  place(root);
  say(root, `${count(selected).toLocaleString("en-US")} selected`);
}

/** @param {GridRoot} root */
export function selectAll(root) {
  select(root, root.source.total ? [[0, root.source.total]] : []);
}

/**
 * Decide about all that is selected, which the server finds by its place in the list, or else about one image.
 * @param {GridRoot} root
 * @param {Verdict} kind
 */
export function decide(root, kind) {
  const { source, selected, data } = root;
  if (!selected.length) {
    const row = rowAt(source, root.here);
    if (row) {
      record(root, kind, [row]);
      say(root, `${DONE[kind]} ${row.sample_key}`);
      place(root);
    }
    return Boolean(row);
  }
  const { view, filter, decided, query } = source;
  root.trigger("bulk", { token: newToken(), who: data.who, kind, view, ranges: selected, filter, decided, query });
  const number = count(selected);
  select(root, []);
  say(root, `${DONE[kind]} ${number.toLocaleString("en-US")} images`);
  return true;
}

/** @param {GridRoot} root */
function download(root) {
  const parameters = parametersOf(root.source);
  parameters.set("view", root.source.view ?? "");
  parameters.set("ranges", root.selected.map(([first, end]) => `${first}-${end}`).join(","));
  const link = document.createElement("a");
  link.href = new URL(`${root.data.route}/keys?${parameters}`, document.baseURI).href;
  link.download = "selected.txt";
  link.click();
}
