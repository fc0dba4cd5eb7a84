// Sections of a gallery: heading, groups, tiles.
/** @import { Box, GalleryRoot, Section, Tile } from "./types.js" */

import { make, makeButton, thumbnail } from "./elements.js";
import { byTone } from "./geometry.js";

const GROUP_NAMES = { least: "Least likely", random: "Random", most: "Most likely" };

/** @param {GalleryRoot} root @param {Section} section @param {number} index */
export function drawSection(root, section, index) {
  const element = make("section", section.title || index === 0 ? "section" : "section follows");
  if (section.title || section.subtitle || section.row) {
    element.append(drawHeading(root, section, index));
    element.setAttribute("aria-label", [section.title, section.row].filter(Boolean).join(", "));
  }
  if (!section.tiles.length) {
    element.append(make("div", "empty", "No images"));
  }
  const tones = byTone(section.tiles);
  const sides = tones.filter((tiles) => tiles[0].tone && tiles[0].tone !== "random").length;
  const groups = element.appendChild(make("div", sides === 2 ? "groups sides" : "groups"));
  groups.append(...tones.map((tiles) => drawGroup(root, section, tiles, index)));
  return element;
}

/** @param {GalleryRoot} root @param {Section} section @param {number} index */
function drawHeading(root, section, index) {
  const heading = make("div", "heading");
  const title = make("h3", "title", section.title);
  if (root.data.opens) {
    title.replaceChildren(makeButton("open", section.title, () => root.trigger("opened", index)));
  }
  heading.append(...(section.title ? [title] : []));
  heading.append(...(section.row ? [make("span", "row-name", section.row)] : []));
  heading.append(make("span", "subtitle", section.subtitle), ...(section.box ? [drawBox(section.box)] : []));
  return heading;
}

/** @param {GalleryRoot} root @param {Section} section @param {Tile[]} tiles of one tone @param {number} index of the section */
function drawGroup(root, section, tiles, index) {
  const group = make("div", "group");
  const { tone } = tiles[0];
  if (tone) {
    group.dataset.tone = tone;
    group.append(make("div", "group-name", GROUP_NAMES[tone]));
  }
  const list = group.appendChild(make("div", "tiles"));
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-multiselectable", "true");
  list.setAttribute("aria-describedby", "hint");
  const names = [section.title, section.row, tone && GROUP_NAMES[tone]];
  list.setAttribute("aria-label", names.filter(Boolean).join(", ") || "Images");
  list.append(...tiles.map((tile) => drawTile(root, tile, index)));
  return group;
}

/**
 * Whiskers, quartiles and median, in percent of an axis that all boxes of the gallery share.
 * @param {Box} box
 */
function drawBox(box) {
  const element = make("span", "box");
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", box.text);
  element.title = box.text;
  /** @type {[string, number, number][]} */
  const parts = [
    ["whisker", box.low, box.high],
    ["quartiles", box.lower, box.upper],
    ["middle", box.median, box.median],
  ];
  for (const [name, from, to] of parts) {
    const part = element.appendChild(make("span", name));
    part.style.left = `${from}%`;
    part.style.width = `${to - from}%`;
  }
  return element;
}

/** @param {GalleryRoot} root @param {Tile} tile @param {number} section */
function drawTile(root, tile, section) {
  const element = make("div", "tile");
  element.setAttribute("role", "option");
  element.tabIndex = -1;
  element.title = tile.tooltip;
  element.dataset.key = tile.sample_key;
  element.dataset.section = String(section);
  const frame = element.appendChild(drawImage(element, tile));
  if (root.data.inspects) {
    const inspect = frame.appendChild(make("span", "inspect", "⤢"));
    inspect.title = "Open the sample window (O)";
    inspect.setAttribute("aria-hidden", "true");
  }
  if (tile.caption || tile.badge) {
    const line = element.appendChild(make("span", "line"));
    line.append(make("span", "caption", tile.caption), make("span", "badge", tile.badge));
  }
  for (const name of /** @type {const} */ (["note", "label"])) {
    if (tile[name]) {
      element.append(make("span", name, tile[name]));
    }
  }
  if (tile.percentile !== null) {
    element.appendChild(make("span", "bar")).style.setProperty("--percentile", String(tile.percentile));
  }
  return element;
}

/** @param {HTMLElement} element @param {Tile} tile */
function drawImage(element, tile) {
  const frame = make("span", "frame");
  const image = frame.appendChild(document.createElement("img"));
  image.loading = "lazy";
  image.decoding = "async";
  image.alt = tile.sample_key;
  image.onerror = () => element.classList.add("missing");
  image.src = thumbnail(tile);
  const tick = frame.appendChild(make("span", "tick"));
  tick.setAttribute("aria-hidden", "true");
  frame.append(make("span", "tags"), make("span", "mark"));
  return frame;
}
