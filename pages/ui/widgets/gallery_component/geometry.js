// Where tiles are, and how many go into a row.

/**
 * How many columns make as few rows as possible, as even as possible.
 * @param {number} count tiles
 * @param {number} width of the list, in pixels, as the others
 * @param {number} size
 * @param {number} gap
 */
export function evenColumns(count, width, size, gap) {
  const most = Math.max(1, Math.floor((width + gap) / (size + gap)));
  return Math.ceil(count / Math.ceil(count / most));
}

/**
 * The index of the nearest in the next row that has any, undefined in the last one.
 * @param {{ top: number, left: number }[]} places
 * @param {number} here index
 * @param {1 | -1} direction down or up
 */
export function nearest(places, here, direction) {
  const from = places[here];
  let best;
  let bestDistance = Infinity;
  for (const [index, to] of places.entries()) {
    const down = (to.top - from.top) * direction;
    const distance = down * 10000 + Math.abs(to.left - from.left);
    if (down > 1 && distance < bestDistance) {
      best = index;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * From one of some items to another, both included, whichever comes first.
 * @template Item
 * @param {Item[]} items
 * @param {Item} from
 * @param {Item} to
 */
export function rangeOf(items, from, to) {
  const [first, last] = [items.indexOf(from), items.indexOf(to)].sort((one, other) => one - other);
  return items.slice(first, last + 1);
}

/**
 * Neighbours of one tone, together.
 * @template {{ tone: string | null }} Item
 * @param {Item[]} items
 */
export function byTone(items) {
  /** @type {Item[][]} */
  const groups = [];
  for (const item of items) {
    const last = groups.at(-1);
    if (last?.[0].tone === item.tone) {
      last?.push(item);
    } else {
      groups.push([item]);
    }
  }
  return groups;
}
