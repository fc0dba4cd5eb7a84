// The picture of the point under the pointer, in a card beside it.
/** @import { MapRoot, Sample } from "./map_types.js" */

import { make, thumbnail } from "./elements.js";
import { ask } from "./server.js";

const WAIT_MILLISECONDS = 40;
const MAX_KNOWN = 2000;
const ROOM = 14;

/** @param {MapRoot} root @param {number} point @returns {Promise<Sample | undefined>} */
export async function sampleAt(root, point) {
  const row = root.points?.rows[point];
  if (row === undefined) {
    return undefined;
  }
  const known = root.known.get(row);
  if (known) {
    return known;
  }
  const found = /** @type {Sample} */ (await ask(`${root.data.samples}${row}`));
  if (root.known.size > MAX_KNOWN) {
    root.known.clear();
  }
  root.known.set(row, found);
  return found;
}

/** @param {MapRoot} root @param {number} point */
export function hover(root, point) {
  clearTimeout(root.hovering);
  root.hovering = setTimeout(async () => {
    try {
      const sample = await sampleAt(root, point);
      if (sample && root.stage.dataset.over === String(point)) {
        showCard(root, sample);
      }
    } catch {
      leave(root); // the list beside says what is wrong
    }
  }, WAIT_MILLISECONDS);
  root.stage.dataset.over = String(point);
}

/** @param {MapRoot} root */
export function leave(root) {
  clearTimeout(root.hovering);
  delete root.stage.dataset.over;
  root.card.hidden = true;
}

/** @param {MapRoot} root @param {Sample} sample */
function showCard(root, sample) {
  const image = /** @type {HTMLImageElement} */ (document.createElement("img"));
  image.src = new URL(thumbnail(sample), document.baseURI).href;
  image.alt = "";
  root.card.replaceChildren(image, make("div", "name", sample.sample_key));
  if (sample.label !== null) {
    root.card.append(make("div", "class", sample.label));
  }
  root.card.hidden = false;
  moveCard(root);
}

/** Beside the pointer, on the side where there is room. @param {MapRoot} root */
export function moveCard(root) {
  const [x, y] = [Number(root.stage.dataset.x ?? 0), Number(root.stage.dataset.y ?? 0)];
  const { offsetWidth: width, offsetHeight: height } = root.card;
  const left = x + ROOM + width > root.stage.clientWidth ? x - ROOM - width : x + ROOM;
  const top = y + ROOM + height > root.stage.clientHeight ? y - ROOM - height : y + ROOM;
  root.card.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, top)}px)`;
}
