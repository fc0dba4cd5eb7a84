// Which datasets a table shows, and in which order.
/** @import { Column, DatasetRow, Order } from "./datasets_types.js" */

/** Names begin with the first, numbers and times with the largest. @param {Order} order @param {Column} column */
export function nextOrder(order, column) {
  const isDescending = order.column === column ? !order.isDescending : column !== "name";
  return { column, isDescending };
}

/**
 * Rows whose name has these words in it. What has no number comes last either way; equals stay in the order of names.
 * @param {DatasetRow[]} rows by name
 * @param {Order} order
 * @param {string} words
 */
export function listed(rows, order, words) {
  const wanted = words.trim().toLowerCase();
  const found = rows.filter((row) => row.name.toLowerCase().includes(wanted));
  const { column, isDescending } = order;
  if (column === "name") {
    return isDescending ? found.reverse() : found;
  }
  const worth = (/** @type {DatasetRow} */ row) => {
    const value = row[column];
    return value === null ? Number.POSITIVE_INFINITY : isDescending ? -value : value;
  };
  return found.sort((a, b) => (worth(a) === worth(b) ? 0 : worth(a) - worth(b)));
}
