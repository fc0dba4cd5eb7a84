// The list of suggestions below the query bar. The bar is Streamlit's own text field, which keeps what it does: Enter
// applies what was typed, and so does leaving it. This script listens to it, and says to a screen reader that it has a list.
/** @import { Completion, CompletionKey, Option, RulesData, RulesRoot } from "./rules_types.js" */
/** @import { Mount } from "./types.js" */

import { make } from "./elements.js";
import { completionKey, stepTo, take } from "./rules_text.js";
import { ask } from "./server.js";

const LIST_ID = "jepascore-suggestions";
const UNTIL_DRAWN_MILLISECONDS = 100;

/** @param {Mount<RulesData>} mount */
export default function ({ parentElement, data }) {
  const root = /** @type {RulesRoot} */ (parentElement.querySelector(".suggestions"));
  const isNew = root.data === undefined;
  root.data = data;
  if (isNew) {
    begin(root);
  }
  describe(root);
}

/** @param {RulesRoot} root */
function begin(root) {
  root.list = make("div", "suggestion-list");
  root.list.id = LIST_ID;
  root.list.setAttribute("role", "listbox");
  root.list.hidden = true;
  root.status = make("div", "suggestion-status");
  root.status.setAttribute("role", "status");
  root.replaceChildren(root.list, root.status);
  root.completion = null;
  root.active = -1;
  root.request = null;
  // The field must keep the focus: leaving it applies what is typed.
  root.list.addEventListener("mousedown", (event) => event.preventDefault());
  root.list.addEventListener("click", (event) => click(root, event));
  // On the document, before Streamlit hears of it: its field may be made anew at any time.
  const ends = new AbortController();
  /** @param {"focusin" | "focusout" | "input" | "keydown"} name @param {(field: HTMLInputElement, event: Event) => void} act */
  const on = (name, act) => {
    const hear = (/** @type {Event} */ event) => {
      const field = fieldOf(root);
      if (!root.isConnected) {
        ends.abort();
      } else if (field !== null && event.target === field) {
        act(field, event);
      }
    };
    document.addEventListener(name, hear, { capture: true, signal: ends.signal });
  };
  on("focusin", () => describe(root));
  on("focusout", () => close(root));
  on("input", (field) => {
    mark(root, -1);
    void suggest(root, field);
  });
  on("keydown", (field, event) => press(root, field, /** @type {KeyboardEvent} */ (event)));
}

/** @param {RulesRoot} root @returns {HTMLInputElement | null} */
function fieldOf(root) {
  return document.querySelector(`.${CSS.escape(root.data.field)} input`);
}

/** Say what the field is, and which option is marked. @param {RulesRoot} root */
function describe(root) {
  const field = fieldOf(root);
  root.list.setAttribute("aria-label", root.data.label);
  if (field === null) {
    // This may be drawn before the field is.
    setTimeout(() => root.isConnected && describe(root), UNTIL_DRAWN_MILLISECONDS);
    return;
  }
  const marked = root.list.children[root.active];
  field.autocomplete = "off";
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", LIST_ID);
  field.setAttribute("aria-expanded", String(!root.list.hidden));
  if (marked) {
    field.setAttribute("aria-activedescendant", marked.id);
  } else {
    field.removeAttribute("aria-activedescendant");
  }
}

/** @param {RulesRoot} root @param {HTMLInputElement} field */
async function suggest(root, field) {
  root.request?.abort();
  const request = new AbortController();
  root.request = request;
  const cursor = field.selectionStart ?? field.value.length;
  const parameters = new URLSearchParams({ before: field.value.slice(0, cursor), after: field.value.slice(cursor) });
  try {
    const completion = await ask(`${root.data.route}?${parameters}`, request.signal);
    if (document.activeElement === field) {
      show(root, completion);
    }
  } catch {
    // Without an answer the field is one to type in, as before.
    if (!request.signal.aborted) {
      close(root);
    }
  }
}

/** @param {RulesRoot} root @param {Completion} completion */
function show(root, completion) {
  // An answer may come late: what was marked meanwhile stays so if it is still offered.
  const marked = root.completion?.options[root.active]?.title;
  root.completion = completion;
  root.list.replaceChildren(...completion.options.map((option, position) => makeOption(option, position)));
  root.list.hidden = completion.options.length === 0;
  root.list.scrollTop = 0;
  const number = completion.options.length;
  root.status.textContent = number === 0 ? "" : number === 1 ? "1 suggestion" : `${number} suggestions`;
  mark(
    root,
    completion.options.findIndex((option) => option.title === marked),
  );
}

/** @param {Option} option @param {number} position */
function makeOption(option, position) {
  const item = make("div", "suggestion");
  item.id = `${LIST_ID}-${position}`;
  item.setAttribute("role", "option");
  item.append(make("span", "suggestion-title", option.title), make("span", "suggestion-about", option.about));
  return item;
}

/** @param {RulesRoot} root @param {number} active */
function mark(root, active) {
  root.active = active;
  for (const [position, item] of [...root.list.children].entries()) {
    item.setAttribute("aria-selected", String(position === active));
  }
  root.list.children[active]?.scrollIntoView({ block: "nearest" });
  describe(root);
}

/** @param {RulesRoot} root */
function close(root) {
  root.request?.abort();
  root.list.hidden = true;
  root.list.replaceChildren();
  root.status.textContent = "";
  mark(root, -1);
}

/** @param {RulesRoot} root @param {HTMLInputElement} field @param {KeyboardEvent} event */
function press(root, field, event) {
  const asked = completionKey(event, !root.list.hidden, root.active);
  if (asked === null) {
    if (event.key === "Enter") {
      close(root);
    }
    return;
  }
  if (asked !== "leave") {
    event.preventDefault();
    event.stopPropagation();
  }
  act(root, field, asked);
}

/** @param {RulesRoot} root @param {HTMLInputElement} field @param {CompletionKey} asked */
function act(root, field, asked) {
  const number = root.list.children.length;
  switch (asked) {
    case "open":
      void suggest(root, field);
      break;
    case "next":
      mark(root, stepTo(root.active, 1, number));
      break;
    case "previous":
      mark(root, stepTo(root.active, -1, number));
      break;
    case "take":
      takeOption(root, field, root.active);
      break;
    default:
      close(root);
  }
}

/** @param {RulesRoot} root @param {Event} event */
function click(root, event) {
  const item = event.target instanceof Element ? event.target.closest(".suggestion") : null;
  const field = fieldOf(root);
  if (item !== null && field !== null) {
    takeOption(root, field, [...root.list.children].indexOf(item));
  }
}

/** @param {RulesRoot} root @param {HTMLInputElement} field @param {number} position */
function takeOption(root, field, position) {
  const option = root.completion?.options[position];
  if (!root.completion || !option) {
    return;
  }
  const after = take(field.value, field.selectionStart ?? field.value.length, root.completion, option);
  close(root);
  // React keeps the value of its field: only the setter of the element itself, and an event, change it as typing does.
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, after.text);
  field.setSelectionRange(after.cursor, after.cursor);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
