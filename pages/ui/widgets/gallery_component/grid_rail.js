// What a list can be filtered by: a box for each column, with how many images each choice would leave.
/** @import { Facet, FacetAnswer, FacetBox, GridRoot, Source } from "./grid_types.js" */

import { make, makeButton } from "./elements.js";
import { decidedOf, filterText, isActive } from "./filter_text.js";
import { parametersOf, sayProblem } from "./grid_data.js";
import { drawNumbers } from "./grid_numbers.js";
import { refreshTools } from "./grid_selection.js";
import { drawValues } from "./grid_values.js";
import { ask } from "./server.js";

/** Columns that are open from the start; others are where something is chosen. */
const OPEN_AT_FIRST = ["label", "split", "decided", "tag", "score", "pixels"];

/** @param {GridRoot} root @param {(filter: string, decided: string) => void} choose */
export function drawRail(root, choose) {
  root.boxes = new Map();
  const rail = make("div", "rail");
  rail.setAttribute("role", "group");
  rail.setAttribute("aria-label", "Filters");
  root.rail = rail;
  root.chooseFilters = (facets, rest) => choose(filterText(facets, rest), decidedOf(facets));
  root.railButton = makeButton("toggle fold", "Filters", () => {
    const isOpen = rail.classList.toggle("unfolded");
    root.railButton.setAttribute("aria-expanded", String(isOpen));
  });
  root.railButton.setAttribute("aria-expanded", "false");
  const side = make("div", "side");
  side.hidden = !root.data.is_final;
  side.append(root.railButton, rail);
  return side;
}

/** Ask for the counts under the filters of a list. @param {GridRoot} root @param {Source} source */
export async function askFacets(root, source) {
  root.facetsAsked?.abort();
  if (!root.data.is_final) {
    return;
  }
  const request = new AbortController();
  root.facetsAsked = request;
  try {
    const found = /** @type {FacetAnswer} */ (
      await ask(`${root.data.route}/facets?${parametersOf(source)}`, request.signal)
    );
    root.facets = found;
    drawFacets(root);
    refreshTools(root);
  } catch (error) {
    if (!request.signal.aborted) {
      sayProblem(root, String(error instanceof Error ? error.message : error));
    }
  }
}

/** @param {GridRoot} root */
function drawFacets(root) {
  const { facets, rest } = root.facets;
  const names = facets.map((facet) => facet.name);
  if (JSON.stringify(names) !== JSON.stringify([...root.boxes.keys()])) {
    root.boxes = new Map(facets.map((facet) => [facet.name, drawBox(root, facet)]));
    root.rail.replaceChildren(make("div", "active"), ...root.boxes.values());
  }
  for (const facet of facets) {
    root.boxes.get(facet.name)?.update(facet);
  }
  const active = facets.filter(isActive).length + rest.length;
  root.railButton.textContent = active ? `Filters (${active})` : "Filters";
  root.rail.firstElementChild?.replaceChildren(...(active ? drawActive(root) : [make("span", "heading", "Filters")]));
}

/** Rules that no box shows, and a way back to everything. @param {GridRoot} root */
function drawActive(root) {
  const { facets, rest } = root.facets;
  const chips = rest.map((text, index) => {
    const chip = makeButton("toggle chip", `${text} ✕`, () =>
      root.chooseFilters(
        facets,
        rest.filter((_, other) => other !== index),
      ),
    );
    chip.title = "Remove this rule";
    return chip;
  });
  const none = makeButton("toggle", "Clear filters", () => root.chooseFilters([], []));
  return [make("span", "heading", "Filters"), none, ...chips];
}

/** @param {GridRoot} root @param {Facet} facet */
function drawBox(root, facet) {
  const box = /** @type {FacetBox} */ (/** @type {unknown} */ (document.createElement("details")));
  box.className = "facet";
  box.dataset.name = facet.name;
  /** @type {HTMLDetailsElement} */ (/** @type {unknown} */ (box)).open =
    OPEN_AT_FIRST.includes(facet.name) || isActive(facet);
  const title = box.appendChild(document.createElement("summary"));
  title.textContent = facet.title;
  /** @param {Partial<Facet>} changed */
  const change = (changed) => {
    const facets = root.facets.facets.map((other) => (other.name === facet.name ? { ...other, ...changed } : other));
    root.facets = { ...root.facets, facets };
    root.chooseFilters(facets, root.facets.rest);
  };
  const body = facet.kind === "numbers" ? drawNumbers(facet, change) : drawValues(facet, change);
  box.append(body);
  box.update = (now) => {
    title.classList.toggle("chosen-one", isActive(now));
    body.update(now);
  };
  return box;
}
