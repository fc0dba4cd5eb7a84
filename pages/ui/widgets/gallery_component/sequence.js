// What the sample window leads through: the images of the gallery or list that was clicked, in their order.
/** @import { Sequence } from "./grid_types.js" */

/** @type {Sequence | null} */
let followed = null;

/** @param {Sequence} sequence */
export function follow(sequence) {
  followed = sequence;
}

export function followedSequence() {
  return followed;
}
