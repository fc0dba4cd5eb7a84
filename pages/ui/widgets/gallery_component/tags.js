// Tags: keys that add and remove them, and how they look. Their names only ever become textContent.
/** @import { DeskRoot, HelpRow, Item, Tag, Tagged } from "./types.js" */

import { make, say } from "./elements.js";
import { outbox, record } from "./outbox.js";
import { predict } from "./prediction.js";

/** @type {HelpRow} */
export const TAG_HELP = [["1", "…", "9"], "Add or remove the tag with this key"];

/**
 * Add the tag with a key to items or, where all have it, remove it.
 * @param {DeskRoot} root
 * @param {number} digit
 * @param {Item[]} items
 * @param {string | null} [next] where Review is afterwards
 */
export function pressTag(root, digit, items, next) {
  const tag = root.data.tags.find((other) => other.digit === digit);
  if (!tag) {
    say(root, `No tag has the key ${digit}`);
    return;
  }
  toggleTag(root, tag, items, next);
}

/** @param {DeskRoot} root @param {Tag} tag @param {Item[]} items @param {string | null} [next] */
export function toggleTag(root, tag, items, next) {
  const { tagged } = predict(root.data, outbox(root));
  const kind = items.every((item) => hasTag(tagged, item.sample_key, tag)) ? "untag" : "tag";
  record(root, kind, items, { tag: tag.name, ...(next === undefined ? {} : { next }) });
  const which = items.length === 1 ? items[0].sample_key : `${items.length} images`;
  say(root, `${kind === "tag" ? "Tagged" : "Removed the tag from"} ${which}: ${tag.name}`);
}

/** @param {Tagged} tagged @param {string} key @param {Tag} tag */
export function hasTag(tagged, key, tag) {
  return Boolean(tagged[key]?.includes(tag.name));
}

/** @param {DeskRoot} root @param {string[] | undefined} names */
export function drawTags(root, names = []) {
  const colours = new Map(root.data.tags.map((tag) => [tag.name, tag.colour]));
  return names.map((name) => {
    const element = make("span", "tag");
    element.append(dot(colours.get(name)), make("span", "tag-name", name));
    return element;
  });
}

/** @param {string} [colour] */
export function dot(colour = "") {
  const element = make("span", "dot");
  element.setAttribute("aria-hidden", "true");
  element.style.background = colour;
  return element;
}
