// The sample window: one picture as large as the window, what is decided about it, and what is alike. Arrow keys go on to
// the next at once, through what was clicked to open it; the page draws the details when somebody stays.
// Names come from files and labels: they only ever become textContent and attribute values.
/** @import { SampleData, SampleRoot } from "./sample_types.js" */
/** @import { Command, HelpRow, Mount } from "./types.js" */

import { drawTagButtons } from "./desk_buttons.js";
import { helpRows, makeHelp } from "./help.js";
import { listen } from "./keyboard.js";
import { acknowledge, outbox } from "./outbox.js";
import { press, toggleTagHere } from "./sample_actions.js";
import { refresh } from "./sample_view.js";
import { begin, keepActions, settle } from "./sample_walk.js";
import { drawWindow } from "./sample_window.js";
import { awaitOffers } from "./sequence.js";
import { TAG_HELP } from "./tags.js";

/** @type {HelpRow[]} */
const MOVES = [
  [["←", "→"], "Go to the image before or after"],
  [["Home", "End"], "Go to the first or the last image"],
  [["+", "−"], "Enlarge or reduce the picture (also the mouse wheel)"],
  [["F"], "Fit the picture into the window"],
  [["O"], "Original pixels (also a double click)"],
  [["Shift + arrow"], "Move the enlarged picture (also by dragging)"],
  [["Esc"], "Close the window"],
];

/** @param {Mount<SampleData>} mount */
export default function ({ parentElement, data, setTriggerValue }) {
  const root = /** @type {SampleRoot} */ (/** @type {unknown} */ (parentElement.querySelector(".sample")));
  const isFirst = root.data === undefined;
  root.data = data;
  root.tell = (key) => setTriggerValue("moved", key);
  root.report = (actions) => setTriggerValue("acted", { actions });
  keepActions(root, isFirst ? [] : outbox(root));
  if (isFirst) {
    drawWindow(root);
    const commands = /** @type {Command[]} */ (Object.keys(data.keys));
    makeHelp(root, [...helpRows(data.keys, commands), TAG_HELP, ...MOVES]);
    awaitOffers(() => root.isConnected && !root.sequence && begin(root, root.at));
  }
  listen(root, (event) => press(root, event));
  acknowledge(root);
  drawTagButtons(root, (tag) => toggleTagHere(root, tag));
  if (isFirst || data.led !== root.led) {
    root.led = data.led;
    root.told = data.card.sample_key;
    begin(root, data.card);
  }
  settle(root);
  refresh(root);
}
