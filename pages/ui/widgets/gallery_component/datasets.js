// Datasets as a table that can be sorted and searched: pictures, counts, coverage, last activity and where to go.
// Names come from people and files: they only ever become textContent and attribute values.
/** @import { Column, DatasetTable, TableRoot } from "./datasets_types.js" */
/** @import { Mount } from "./types.js" */

import { listed, nextOrder } from "./datasets_order.js";
import { drawRow } from "./datasets_row.js";
import { make, makeButton } from "./elements.js";

/** With more rows than a screen holds, a name is found by typing. */
const SEARCH_FROM = 9;

/** @param {Mount<DatasetTable>} mount */
export default function ({ parentElement, data, setTriggerValue }) {
  const root = /** @type {TableRoot} */ (parentElement.querySelector(".datasets"));
  const isNew = root.data === undefined;
  root.data = data;
  root.trigger = setTriggerValue;
  if (isNew) {
    begin(root);
  }
  drawRows(root);
}

/** @param {TableRoot} root */
function begin(root) {
  const { texts, label } = root.data;
  root.order = { column: "name", isDescending: false };
  root.words = "";
  root.heads = new Map();
  const table = make("table", "");
  table.setAttribute("role", "table");
  table.setAttribute("aria-label", label);
  const head = make("thead", "");
  head.setAttribute("role", "rowgroup");
  const line = make("tr", "");
  line.setAttribute("role", "row");
  line.append(
    drawHead(texts.pictures),
    drawHead(texts.name, root, "name"),
    drawHead(texts.images_title, root, "num_images"),
    drawHead(texts.classes_title, root, "num_classes"),
    drawHead(texts.coverage),
    drawHead(texts.activity, root, "last_activity"),
    drawHead(texts.ways),
  );
  head.append(line);
  root.body = make("tbody", "");
  root.body.setAttribute("role", "rowgroup");
  table.append(head, root.body);
  root.count = make("span", "shown");
  root.count.setAttribute("role", "status");
  const field = make("input", "find");
  field.type = "search";
  field.placeholder = texts.find;
  field.setAttribute("aria-label", texts.find);
  field.oninput = () => {
    root.words = field.value;
    drawRows(root);
  };
  root.search = make("div", "search");
  root.search.append(field, root.count);
  root.replaceChildren(root.search, table);
}

/** @param {string} text @param {TableRoot} [root] @param {Column} [column] */
function drawHead(text, root, column) {
  const found = make("th", column ?? "");
  found.setAttribute("role", "columnheader");
  if (!root || !column) {
    found.textContent = text;
    return found;
  }
  const button = makeButton("sort", text, () => {
    root.order = nextOrder(root.order, column);
    drawRows(root);
  });
  found.append(button);
  root.heads.set(column, found);
  return found;
}

/** Draw what is listed, in its order; what had the focus has it again. @param {TableRoot} root */
function drawRows(root) {
  const { rows, texts } = root.data;
  const tree = /** @type {ShadowRoot | Document} */ (root.getRootNode());
  const focused = /** @type {HTMLElement | null} */ (tree.activeElement);
  const name = focused?.dataset.focus;
  const dataset = /** @type {HTMLElement | null | undefined} */ (focused?.closest(".row"))?.dataset.dataset;
  const shown = listed(rows, root.order, root.words);
  root.body.replaceChildren(...shown.map((row) => drawRow(root, row)));
  root.search.hidden = rows.length < SEARCH_FROM;
  root.count.textContent = shown.length < rows.length ? `${shown.length} ${texts.of} ${rows.length}` : "";
  for (const [column, head] of root.heads) {
    const isSorted = column === root.order.column;
    head.setAttribute("aria-sort", isSorted ? (root.order.isDescending ? "descending" : "ascending") : "none");
  }
  if (name && dataset) {
    const place = `.row[data-dataset="${CSS.escape(dataset)}"] [data-focus="${CSS.escape(name)}"]`;
    /** @type {HTMLElement | null} */ (root.body.querySelector(place))?.focus();
  }
}
