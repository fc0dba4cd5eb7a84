// The bar above a gallery: the size of its tiles, and what is shown below each.
/** @import { Command, GalleryRoot, HelpRow, Toggle } from "./types.js" */

import { make, makeButton } from "./elements.js";
import { evenColumns } from "./geometry.js";
import { CLEAR_ROW, helpRows, makeHelp, makeHelpButton, TILE_ROWS } from "./help.js";
import { TAG_HELP } from "./tags.js";

/** @type {Record<Toggle, string>} */
const TOGGLES = { score: "Score", percentile: "Percentile", label: "Label", bar: "Bar" };
const TOGGLE_NAMES = /** @type {Toggle[]} */ (Object.keys(TOGGLES));
/** @type {Record<Toggle, string>} */
const TOGGLE_TITLES = {
  score: "JEPA-SCORE in nats: higher is more likely; ≈ is an estimate, with its interval below",
  percentile: "Share of its class, or of the group that the page names, with a lower score",
  label: "Class of the image",
  bar: "Percentile as a bar, from blue (unlikely) to gold (likely)",
};
/** @type {HelpRow} */
const INSPECT_ROW = [["O"], "Open the sample window"];

/** @param {GalleryRoot} root @returns {HelpRow[]} */
function moves(root) {
  return [
    [["←", "→", "↑", "↓", "Home", "End"], "Move to another image"],
    ...(root.data.inspects ? [INSPECT_ROW, ...TILE_ROWS.slice(1)] : TILE_ROWS),
    [["Ctrl + A"], "Select all images on this page; the next decision applies to all selected"],
    CLEAR_ROW,
  ];
}

// Tiles that fit the width are neither too small to see nor larger than a thumbnail looks good.
const SMALLEST_FIT = 56;
const LARGEST_FIT = 160;
// Smaller tiles may take away the scroll bar, which leaves this much more width: that is no reason to enlarge them.
export const SCROLL_BAR = 20;

/** @param {GalleryRoot} root */
export function drawTools(root) {
  const { data } = root;
  const bar = make("div", "tools");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", `View of ${data.label}`);
  bar.append(drawSlider(root));
  if (data.can_fit) {
    root.fitting = bar.appendChild(makeButton("toggle", "Fit", () => makeFit(root)));
    root.fitting.title = "Largest tiles that fit all least likely, and all most likely, images in one row";
  }
  for (const name of data.tools) {
    if (name !== "size") {
      bar.append(drawToggle(root, name));
    }
  }
  root.chosen = bar.appendChild(make("span", "chosen"));
  const commands = /** @type {Command[]} */ (data.can_decide ? Object.keys(data.keys) : ["help"]);
  const rows = [...helpRows(data.keys, commands), ...(data.can_decide ? [TAG_HELP] : []), ...moves(root)];
  makeHelp(root, rows);
  // Read out with every list of images.
  const text = rows.map(([keys, meaning]) => `${keys.join(", ")}: ${meaning}`).join(". ");
  const hint = bar.appendChild(make("span", "status", text));
  hint.id = "hint";
  bar.append(makeHelpButton(root));
  return bar;
}

/** @param {GalleryRoot} root */
function drawSlider(root) {
  const label = make("label", "size", "Size");
  const slider = label.appendChild(document.createElement("input"));
  slider.type = "range";
  Object.assign(slider, { min: 48, max: 256, step: 8 });
  slider.oninput = () => {
    setFits(root, false);
    root.style.setProperty("--size", `${slider.value}px`);
  };
  slider.onchange = () => tellView(root);
  root.slider = slider;
  return label;
}

/** @param {GalleryRoot} root @param {Toggle} name */
function drawToggle(root, name) {
  const toggle = makeButton("toggle", TOGGLES[name], () => {
    root.classList.toggle(`hide-${name}`);
    toggle.setAttribute("aria-pressed", String(!root.classList.contains(`hide-${name}`)));
    tellView(root);
  });
  toggle.dataset.toggle = name;
  toggle.title = TOGGLE_TITLES[name];
  return toggle;
}

/** @param {GalleryRoot} root @param {number | null} size @param {string[]} show */
export function applyView(root, size, show) {
  setFits(root, size === null);
  if (size !== null) {
    setSize(root, size);
  }
  for (const name of TOGGLE_NAMES) {
    root.classList.toggle(`hide-${name}`, !show.includes(name));
    root.querySelector(`[data-toggle="${name}"]`)?.setAttribute("aria-pressed", String(show.includes(name)));
  }
}

/** @param {GalleryRoot} root @param {number} size */
function setSize(root, size) {
  root.style.setProperty("--size", `${size}px`);
  if (root.slider) {
    root.slider.value = String(size);
  }
}

/** @param {GalleryRoot} root @param {boolean} fits */
function setFits(root, fits) {
  root.classList.toggle("fits", fits);
  root.fitting?.setAttribute("aria-pressed", String(fits));
  root.fitted = undefined;
}

/** @param {GalleryRoot} root */
function makeFit(root) {
  setFits(root, true);
  fit(root);
  tellView(root);
}

/**
 * One size for all sections. What is a little wider than the last time is left as it is, see SCROLL_BAR.
 * @param {GalleryRoot} root
 * @param {number} [tolerance] in pixels
 */
export function fit(root, tolerance = 0) {
  const lists = /** @type {HTMLElement[]} */ ([...root.querySelectorAll(".tiles")]);
  const sides = lists.filter((list) => list.matches(".sides > :not([data-tone='random']) > *"));
  const rows = sides.length ? sides : lists;
  const width = rows[0]?.clientWidth;
  const { fitted } = root;
  const isFitted = fitted !== undefined && width >= fitted && width < fitted + tolerance;
  if (!root.classList.contains("fits") || !width || isFitted) {
    return;
  }
  root.fitted = width;
  const gap = parseFloat(getComputedStyle(rows[0]).columnGap);
  const columns = evenColumns(Math.max(...rows.map((list) => list.childElementCount)), width, SMALLEST_FIT, gap);
  const size = Math.min(LARGEST_FIT, Math.floor((width + gap) / columns - gap));
  setSize(root, size);
  for (const list of lists) {
    list.style.setProperty("--columns", String(evenColumns(list.childElementCount, list.clientWidth, size, gap)));
  }
}

/** @param {GalleryRoot} root */
function tellView(root) {
  const show = TOGGLE_NAMES.filter((name) => !root.classList.contains(`hide-${name}`));
  const size = root.classList.contains("fits") ? null : Number(root.slider?.value);
  root.trigger("viewed", { size, show });
}
