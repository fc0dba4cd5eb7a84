// Tags of the whole dataset's list: on one image at once, on all that is selected by the server, which finds it.
/** @import { GridRoot } from "./grid_types.js" */
/** @import { Tag } from "./types.js" */

import { make, makeButton, say } from "./elements.js";
import { rowAt } from "./grid_data.js";
import { place } from "./grid_tiles.js";
import { count } from "./intervals.js";
import { newToken } from "./outbox.js";
import { dot, pressTag } from "./tags.js";

const MAX_TAG = 60;

/**
 * The tag with a key: on what is selected, where the server removes it if all have it, or else on one image.
 * @param {GridRoot} root
 * @param {number} digit
 */
export function pressTagKey(root, digit) {
  const row = rowAt(root.source, root.here);
  const tag = root.data.tags.find((other) => other.digit === digit);
  if (root.selected.length && tag) {
    tagSelected(root, tag.name, "toggle");
  } else if (row) {
    root.data.tagged = { ...root.data.tagged, [row.sample_key]: row.tags };
    pressTag(root, digit, [row]);
    place(root);
  }
  return true;
}

/** @param {GridRoot} root @param {string} tag @param {"tag" | "untag" | "toggle"} kind */
function tagSelected(root, tag, kind) {
  const { view, filter, decided, query } = root.source;
  const about = { view, ranges: root.selected, filter, decided, query };
  root.trigger("bulk", { token: newToken(), who: root.data.who, kind, tag, ...about });
  const number = count(root.selected).toLocaleString("en-US");
  say(root, `${kind === "untag" ? "Removed the tag from" : "Tagged"} ${number} images: ${tag}`);
}

/** A menu of all tags, to add to what is selected or to remove from it, and a field for a new one. @param {GridRoot} root */
export function drawTagMenu(root) {
  const menu = document.createElement("details");
  menu.className = "tag-menu";
  menu.appendChild(document.createElement("summary")).textContent = "Tag";
  const list = menu.appendChild(make("div", "menu"));
  list.append(...root.data.tags.map((tag) => drawLine(root, tag)));
  const field = document.createElement("input");
  field.maxLength = MAX_TAG;
  field.placeholder = "New tag";
  field.setAttribute("aria-label", "New tag for all selected");
  const add = () => field.value.trim() && tagSelected(root, field.value.trim(), "tag");
  field.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === "Enter") {
      add();
    }
  };
  const line = list.appendChild(make("div", "menu-line"));
  line.append(field, makeButton("toggle", "Add", add));
  menu.onkeydown = (event) => {
    if (event.key === "Escape") {
      menu.open = false;
      event.stopPropagation();
    }
  };
  return menu;
}

/** @param {GridRoot} root @param {Tag} tag */
function drawLine(root, tag) {
  const line = make("div", "menu-line");
  const add = makeButton("toggle", "Add", () => tagSelected(root, tag.name, "tag"));
  const remove = makeButton("toggle", "Remove", () => tagSelected(root, tag.name, "untag"));
  add.setAttribute("aria-label", `Add the tag ${tag.name}`);
  remove.setAttribute("aria-label", `Remove the tag ${tag.name}`);
  line.append(dot(tag.colour), make("span", "menu-name", tag.name), add, remove);
  return line;
}
