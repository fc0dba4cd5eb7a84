// The pictures of Review: the one on the screen and those that are fetched ahead.
/** @import { Card, DeckRoot } from "./types.js" */

import { largeView, thumbnail } from "./elements.js";

const NUM_AHEAD = 3;
const TINY_SIDE = 128;

/** @param {DeckRoot} root @param {Card} card */
export function pictureOf(root, card) {
  const id = card.content_id;
  const image = root.pictures.get(id) ?? fetchPicture(root, card);
  image.alt = card.sample_key;
  return image;
}

/** @param {DeckRoot} root @param {Card} card */
function fetchPicture(root, card) {
  const image = document.createElement("img");
  image.decoding = "async";
  image.onload = () => fitPicture(root);
  // The file may be gone, or another one by now: the thumbnail is what was indexed.
  image.onerror = () => {
    if (image.getAttribute("src") !== thumbnail(card)) {
      image.src = thumbnail(card);
    } else {
      // Neither came, for instance while the server was away: it is requested again the next time.
      root.pictures.delete(card.content_id);
    }
  };
  image.src = largeView(root.data.dataset ?? "", card);
  root.pictures.set(card.content_id, image);
  return image;
}

/** @param {DeckRoot} root */
export function fetchAhead(root) {
  const near = nearby(root.keys, root.at);
  const cards = near.flatMap((key) => root.cards.get(key) ?? []);
  for (const card of cards) {
    pictureOf(root, card);
  }
  const kept = new Set(cards.map((card) => card.content_id));
  for (const id of root.pictures.keys()) {
    if (!kept.has(id)) {
      root.pictures.delete(id);
    }
  }
}

/**
 * The keys whose pictures are kept: the one before, this one, and some ahead.
 * @param {string[]} keys
 * @param {string | null} at
 */
export function nearby(keys, at) {
  const index = keys.indexOf(at ?? "");
  return index < 0 ? [] : keys.slice(Math.max(0, index - 1), index + NUM_AHEAD + 1);
}

/** @param {DeckRoot} root */
export function fitPicture(root) {
  const { frame } = root;
  const image = frame?.querySelector("img");
  if (!frame || !image?.naturalWidth) {
    return;
  }
  frame.style.backgroundImage = "";
  const factor = wholeFactor(image.naturalWidth, image.naturalHeight, frame.clientWidth, frame.clientHeight);
  image.className = factor ? "tiny" : "";
  image.style.width = factor ? `${image.naturalWidth * factor}px` : "";
  image.style.height = factor ? `${image.naturalHeight * factor}px` : "";
}

/**
 * Images of a few pixels are shown as squares of pixels, by a whole factor; all others, for which it is 0, as large as
 * fits. All in pixels.
 * @param {number} width
 * @param {number} height
 * @param {number} roomWidth
 * @param {number} roomHeight
 */
export function wholeFactor(width, height, roomWidth, roomHeight) {
  const room = Math.min(roomWidth / width, roomHeight / height);
  return Math.max(width, height) < TINY_SIDE ? Math.max(1, Math.floor(room)) : 0;
}
