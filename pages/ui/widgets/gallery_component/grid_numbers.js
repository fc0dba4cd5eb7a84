// A column of numbers in the rail: bars of what the other filters leave, and two handles for the limits.
/** @import { Facet, FacetBox } from "./grid_types.js" */

import { make } from "./elements.js";
import { shortNumber } from "./filter_text.js";

const WAIT_MILLISECONDS = 100;

/** @param {Facet} first @param {(changed: Partial<Facet>) => void} change */
export function drawNumbers(first, change) {
  const box = /** @type {FacetBox} */ (/** @type {unknown} */ (make("div", "numbers")));
  const bars = box.appendChild(make("div", "bars"));
  const rails = box.appendChild(make("div", "handles"));
  const limits = box.appendChild(make("div", "limits"));
  const last = first.edges.length - 1;
  let facet = first;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const low = drawHandle(rails, `Least ${first.title}`, last);
  const high = drawHandle(rails, `Greatest ${first.title}`, last);
  const from = drawLimit(limits, `${first.title} at least`, first.edges[0]);
  limits.append("to");
  const to = drawLimit(limits, `${first.title} at most`, first.edges[last]);

  const limitsOfHandles = () => {
    const [start, end] = [Number(low.value), Number(high.value)].sort((one, other) => one - other);
    return { low: start > 0 ? facet.edges[start] : null, high: end < last ? facet.edges[end] : null };
  };
  /** @param {number} wait */
  const slide = (wait) => {
    const found = limitsOfHandles();
    draw({ ...facet, ...found });
    clearTimeout(waiting);
    waiting = setTimeout(() => change(found), wait);
  };
  for (const handle of [low, high]) {
    handle.oninput = () => slide(WAIT_MILLISECONDS);
  }
  for (const field of [from, to]) {
    field.onchange = () => {
      const [start, end] = [from, to].map((one) => (one.value === "" ? null : Number(one.value)));
      const isTurned = start !== null && end !== null && start > end;
      change(isTurned ? { low: end, high: start } : { low: start, high: end });
    };
  }

  /** @param {Facet} now */
  const draw = (now) => {
    const most = Math.max(1, ...now.counts);
    while (bars.childElementCount < now.counts.length) {
      bars.append(make("span", "column"));
    }
    for (const [index, count] of now.counts.entries()) {
      const column = /** @type {HTMLElement} */ (bars.children[index]);
      // What is there at all is seen.
      column.style.height = count ? `${Math.max(4, (100 * count) / most)}%` : "0";
      const isIn =
        (now.low === null || now.edges[index] >= now.low) && (now.high === null || now.edges[index + 1] <= now.high);
      column.classList.toggle("out", !isIn);
      column.title = `${shortNumber(now.edges[index])} to ${shortNumber(now.edges[index + 1])}: ${count.toLocaleString("en-US")}`;
    }
    from.value = now.low === null ? "" : String(now.low);
    to.value = now.high === null ? "" : String(now.high);
  };
  box.update = (now) => {
    facet = now;
    low.value = String(now.low === null ? 0 : nearestEdge(now.edges, now.low));
    high.value = String(now.high === null ? last : nearestEdge(now.edges, now.high));
    draw(now);
  };
  return box;
}

/** @param {HTMLElement} rails @param {string} label @param {number} last */
function drawHandle(rails, label, last) {
  const handle = rails.appendChild(document.createElement("input"));
  handle.type = "range";
  Object.assign(handle, { min: 0, max: last, step: 1 });
  handle.setAttribute("aria-label", label);
  return handle;
}

/** @param {HTMLElement} limits @param {string} label @param {number} bound */
function drawLimit(limits, label, bound) {
  const field = limits.appendChild(document.createElement("input"));
  field.type = "number";
  field.step = "any";
  field.placeholder = shortNumber(bound);
  field.setAttribute("aria-label", label);
  return field;
}

/** @param {number[]} edges @param {number} value */
function nearestEdge(edges, value) {
  let best = 0;
  for (const [index, edge] of edges.entries()) {
    if (Math.abs(edge - value) < Math.abs(edges[best] - value)) {
      best = index;
    }
  }
  return best;
}
