// The list of keys, as a window.
/** @import { Command, DeskRoot, HelpRow, Keys } from "./types.js" */

import { make, makeButton } from "./elements.js";
import { MEANINGS } from "./verdicts.js";

/** What every list of tiles understands, whatever its arrow keys and Ctrl + A do. @type {HelpRow[]} */
export const TILE_ROWS = [
  [["Enter"], "Open the sample window"],
  [["Space"], "Enlarge the image"],
  [["X"], "Select or deselect the image"],
  [["Shift + ←", "Shift + →"], "Select a range (also Shift + click); Ctrl + click adds one image"],
];
/** @type {HelpRow} */
export const CLEAR_ROW = [["Esc"], "Clear the selection"];

/** @param {DeskRoot} root @param {HelpRow[]} rows keys and what they do */
export function makeHelp(root, rows) {
  const help = make("dialog", "help");
  help.setAttribute("aria-label", "Keyboard shortcuts");
  help.append(make("h3", "title", "Keyboard shortcuts"));
  const table = help.appendChild(document.createElement("table"));
  for (const [keys, meaning] of rows) {
    const row = table.insertRow();
    const cell = row.insertCell();
    for (const key of keys) {
      cell.append(make("kbd", "key", key), " ");
    }
    row.insertCell().textContent = meaning;
  }
  help.append(makeButton("toggle", "Close", () => help.close()));
  help.onclick = (event) => event.target === help && help.close();
  const isRead = root.help?.open;
  root.help?.remove();
  root.help = root.appendChild(help);
  if (isRead) {
    help.showModal();
  }
}

/** @param {Keys} keys @param {Command[]} commands @returns {HelpRow[]} */
export function helpRows(keys, commands) {
  return commands.map((command) => [[keys[command].toUpperCase()], MEANINGS[command]]);
}

/** @param {DeskRoot} root */
export function makeHelpButton(root) {
  const button = makeButton("toggle keys", "⌨ Keys", () => toggleHelp(root));
  button.title = `Keyboard shortcuts (${root.data.keys.help})`;
  return button;
}

/** @param {DeskRoot} root */
export function toggleHelp(root) {
  if (root.help?.open) {
    root.help.close();
  } else {
    root.help?.showModal();
  }
  return true;
}
