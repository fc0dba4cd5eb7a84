// Which key asks for what, and who hears it.
/** @import { Command, DeskRoot, Keys } from "./types.js" */

import { hostOf } from "./elements.js";

export const TEXT_FIELDS =
  'textarea, select, [role="combobox"], [role="textbox"], ' +
  "input:not([type=button], [type=checkbox], [type=radio], [type=range], [type=reset], [type=submit])";
// Elements that use the arrow keys themselves.
export const ARROW_USERS = `${TEXT_FIELDS}, input, [role="radiogroup"], [role="listbox"], [role="slider"], [role="menu"], [role="tablist"]`;

/**
 * What a key asks for, if it is for us: a key with Ctrl, Alt or Shift is the browser's, and one in a text field is text.
 * A keyboard of other letters goes by where the key is.
 * @param {KeyboardEvent} event
 * @param {Keys} keys
 * @returns {Command | undefined}
 */
export function commandOf(event, keys) {
  const isTaken = event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey;
  if (isTaken || isIn(event, TEXT_FIELDS)) {
    return undefined;
  }
  if (event.key === keys.help) {
    return "help";
  }
  const key = /^[\x20-\x7e]$/.test(event.key) ? event.key : (event.code ?? "").replace(/^Key/, "");
  const commands = /** @type {[Command, string][]} */ (Object.entries(keys));
  return event.shiftKey ? undefined : commands.find(([, other]) => other === key.toLowerCase())?.[0];
}

/**
 * The digit of a key that is for us, 1 to 9, else 0.
 * @param {KeyboardEvent} event
 */
export function digitOf(event) {
  const isTaken = event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
  return isTaken || !/^[1-9]$/.test(event.key) || isIn(event, TEXT_FIELDS) ? 0 : Number(event.key);
}

/** @param {Event} event @param {string} selector */
export function isIn(event, selector) {
  const [target] = /** @type {HTMLElement[]} */ (event.composedPath());
  return Boolean(target?.isContentEditable || target?.closest?.(selector));
}

/**
 * Listen for keys that are pressed anywhere on the page, unless a window that we are not in lies over it.
 * @param {DeskRoot} root
 * @param {(event: KeyboardEvent) => boolean} press whether the key was for us
 */
export function listen(root, press) {
  root.listener ??= (event) => {
    if (!root.isConnected) {
      document.removeEventListener("keydown", listener);
      return;
    }
    const window = document.querySelector('[data-testid="stDialog"]');
    const isBehind = window && !window.contains(hostOf(root));
    const path = /** @type {Element[]} */ (event.composedPath());
    const isRead = path.some((element) => element.matches?.("dialog.help") && element !== root.help);
    if (!isBehind && !isRead && press(event)) {
      event.preventDefault();
    }
  };
  const { listener } = root;
  document.addEventListener("keydown", listener);
}
