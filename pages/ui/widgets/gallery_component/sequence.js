// What the sample window leads through: the images of the gallery or list that was clicked, in their order. Where nobody
// clicked, as after a reload, every gallery and list of the page offers to look for the sample among its own.
/** @import { Item, Sequence } from "./types.js" */

/** @typedef {(key: string) => Promise<Sequence | null> | Sequence | null} Find */

/** @type {Sequence | null} */
let clicked = null;
/** @type {Map<{ isConnected: boolean }, Find>} */
const offers = new Map();
/** @type {() => void} */
let hear = () => {};

/** @param {Sequence} sequence at the position that was clicked */
export function follow(sequence) {
  clicked = sequence;
}

/** The sequence that was clicked, if it was at this sample. @param {string} key */
export function followed(key) {
  return clicked?.key === key ? clicked : null;
}

/** @param {{ isConnected: boolean }} root of a gallery or list @param {Find} find */
export function offer(root, find) {
  const isNew = !offers.has(root);
  offers.set(root, find);
  if (isNew) {
    hear();
  }
}

/** Whom to tell of further offers: a page may be drawn behind the window after it. @param {() => void} listener */
export function awaitOffers(listener) {
  hear = listener;
}

/** The first sequence of the page with a sample. @param {string} key */
export async function findSequence(key) {
  for (const [root, find] of [...offers]) {
    if (!root.isConnected) {
      offers.delete(root);
      continue;
    }
    const found = await find(key);
    if (found) {
      return found;
    }
  }
  return null;
}

/**
 * A sequence over items that are all there.
 * @param {Item[]} items
 * @param {number} position
 * @param {(position: number) => void} [reveal]
 * @returns {Sequence | null} null if there is nothing at the position
 */
export function sequenceOf(items, position, reveal = () => {}) {
  const here = items[position];
  return here ? { key: here.sample_key, position, total: items.length, at: (other) => items[other], reveal } : null;
}
