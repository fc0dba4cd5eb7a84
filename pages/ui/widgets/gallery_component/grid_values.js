// A column of texts in the rail: its values with their counts, and a field to find one among many.
/** @import { Facet, FacetBox, FacetValue } from "./grid_types.js" */

import { make, makeButton } from "./elements.js";

const FEW = 10;
const MOST = 400;

/** @param {Facet} first @param {(changed: Partial<Facet>) => void} change */
export function drawValues(first, change) {
  const box = /** @type {FacetBox} */ (/** @type {unknown} */ (make("div", "values")));
  const list = make("div", "value-list");
  let facet = first;
  let isLong = false;
  const find = document.createElement("input");
  find.className = "find";
  find.type = "search";
  find.placeholder = `Find among ${first.values.length.toLocaleString("en-US")}`;
  find.setAttribute("aria-label", `Find a value of ${first.title}`);
  find.oninput = () => draw();
  const more = makeButton("more", "", () => {
    isLong = !isLong;
    draw();
  });
  const draw = () => {
    const words = find.value.trim().toLowerCase();
    const found = facet.values.filter((item) => !words || item.title.toLowerCase().includes(words));
    const chosen = found.filter((item) => facet.chosen.includes(item.value));
    const others = found.filter((item) => !facet.chosen.includes(item.value));
    // Of many, those that are chosen come first: else they are not seen.
    const ordered = found.length > FEW ? [...chosen, ...others] : found;
    const shown = ordered.slice(0, isLong || words ? MOST : FEW);
    while (list.childElementCount > shown.length) {
      list.lastElementChild?.remove();
    }
    for (const [index, item] of shown.entries()) {
      const row = /** @type {ValueRow} */ (list.children[index] ?? list.appendChild(drawRow()));
      fillRow(row, item, facet, change);
    }
    const left = ordered.length - shown.length;
    more.hidden = left <= 0 && !isLong;
    more.textContent = left > 0 ? (isLong || words ? `${left} more: type to find` : `Show ${left} more`) : "Show fewer";
  };
  find.hidden = first.values.length <= FEW;
  box.append(find, list, more);
  box.update = (now) => {
    facet = now;
    find.hidden = now.values.length <= FEW;
    draw();
  };
  return box;
}

/** @typedef {HTMLLabelElement & { box: HTMLInputElement, text: HTMLElement, number: HTMLElement }} ValueRow */

function drawRow() {
  const row = /** @type {ValueRow} */ (make("label", "value"));
  row.box = row.appendChild(document.createElement("input"));
  row.box.type = "checkbox";
  row.text = row.appendChild(make("span", "value-title"));
  row.number = row.appendChild(make("span", "value-count"));
  return row;
}

/**
 * @param {ValueRow} row
 * @param {FacetValue} item
 * @param {Facet} facet
 * @param {(changed: Partial<Facet>) => void} change
 */
function fillRow(row, item, facet, change) {
  const { chosen } = facet;
  row.text.textContent = item.title;
  row.title = item.title;
  row.number.textContent = item.count.toLocaleString("en-US");
  row.classList.toggle("none", !item.count);
  row.box.checked = chosen.includes(item.value);
  row.box.onchange = () => {
    const isAlone = facet.kind === "decided" || (facet.kind === "tags" && item.value === null);
    const others = isAlone ? [] : chosen.filter((value) => value !== item.value && (facet.kind !== "tags" || value));
    change({ chosen: row.box.checked ? [...others, item.value] : others });
  };
}
