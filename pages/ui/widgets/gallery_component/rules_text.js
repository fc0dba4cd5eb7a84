// What a key does in a field that is completed, and the text after a suggestion is taken: no element is touched here.
/** @import { Completion, CompletionKey, Option } from "./rules_types.js" */

/**
 * What a key press asks of the list; null leaves it to the field, so that Enter applies the rules as ever.
 * @param {Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "altKey" | "metaKey" | "shiftKey" | "isComposing">} event
 * @param {boolean} isOpen
 * @param {number} active position of the option that is marked, -1 for none
 * @returns {CompletionKey | null}
 */
export function completionKey(event, isOpen, active) {
  if (event.isComposing || event.altKey || event.metaKey) {
    return null;
  }
  if (event.ctrlKey) {
    return event.code === "Space" ? "open" : null;
  }
  switch (event.key) {
    case "ArrowDown":
      return isOpen ? "next" : "open";
    case "ArrowUp":
      return isOpen ? "previous" : null;
    case "Escape":
      return isOpen ? "close" : null;
    case "Enter":
      return isOpen && active >= 0 ? "take" : null;
    case "Tab":
      return isOpen && active >= 0 && !event.shiftKey ? "take" : null;
    case "ArrowLeft":
    case "ArrowRight":
    case "Home":
    case "End":
      return isOpen ? "leave" : null;
  }
  return null;
}

/**
 * The option that is marked after a step down (1) or up (-1): past either end is none, from which the other end follows.
 * @param {number} active
 * @param {1 | -1} step
 * @param {number} number
 */
export function stepTo(active, step, number) {
  return ((active + 1 + step + number + 1) % (number + 1)) - 1;
}

/**
 * @param {string} text
 * @param {number} cursor
 * @param {Completion} completion
 * @param {Option} option
 */
export function take(text, cursor, { back, forward }, option) {
  const before = text.slice(0, cursor - back) + option.text;
  return { text: before + text.slice(cursor + forward), cursor: before.length };
}
