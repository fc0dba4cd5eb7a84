// Buttons for verdicts, turns and tags about the one image on the screen: those of Review and of the sample window.
/** @import { BarRoot, Command, DeckButton, Prediction, Tag, Turn, Verdict } from "./types.js" */

import { make, makeButton } from "./elements.js";
import { dot } from "./tags.js";
import { TITLES, VERDICTS } from "./verdicts.js";

const ICONS = { keep: "✓", drop: "✕", undecided: "?", undo: "↶", redo: "↷" };

/**
 * @param {BarRoot} root
 * @param {boolean} decides whether there are verdicts
 * @param {(command: Exclude<Command, "help">) => unknown} perform
 */
export function drawButtons(root, decides, perform) {
  const buttons = make("div", "buttons");
  const commands = /** @type {const} */ ([...(decides ? VERDICTS : []), "undo", "redo"]);
  root.buttons = {};
  for (const command of commands) {
    const onclick = () => button.ariaDisabled !== "true" && perform(command);
    const button = /** @type {DeckButton} */ (makeButton(`button ${command}`, "", onclick));
    const icon = make("span", "icon", ICONS[command]);
    icon.setAttribute("aria-hidden", "true");
    button.text = make("span", "text", TITLES[command]);
    const key = make("kbd", "key", root.data.keys[command].toUpperCase());
    key.setAttribute("aria-hidden", "true");
    button.append(icon, button.text, key);
    button.ariaDisabled = String(!root.data.can_decide);
    root.buttons[command] = buttons.appendChild(button);
  }
  return buttons;
}

/** @param {BarRoot} root */
export function makeTagBar(root) {
  root.tags = make("div", "tag-buttons");
  root.tags.setAttribute("role", "group");
  root.tags.setAttribute("aria-label", "Tags");
  return root.tags;
}

/** A button for each tag. @param {BarRoot} root @param {(tag: Tag) => unknown} toggle */
export function drawTagButtons(root, toggle) {
  const drawn = JSON.stringify(root.data.tags);
  if (root.tags.dataset.drawn === drawn) {
    return;
  }
  root.tags.dataset.drawn = drawn;
  root.tags.replaceChildren(
    ...root.data.tags.map((tag) => {
      const button = makeButton("toggle", "", () => toggle(tag));
      button.dataset.tag = tag.name;
      button.append(dot(tag.colour), make("span", "text", tag.name));
      if (tag.digit !== null) {
        button.append(make("kbd", "key", String(tag.digit)));
      }
      return button;
    }),
  );
}

/**
 * Show what is decided about the image, its tags, and how much can be undone and redone.
 * @param {BarRoot} root
 * @param {Prediction} found
 * @param {string | null} key of the image
 */
export function refreshButtons(root, found, key) {
  const verdict = key === null ? undefined : found.marks[key];
  drawTurn(root, "undo", found.numUndo);
  drawTurn(root, "redo", found.numRedo);
  for (const kind of VERDICTS) {
    root.buttons[kind]?.setAttribute("aria-pressed", String(verdict === kind));
  }
  for (const button of /** @type {Iterable<HTMLElement>} */ (root.tags.children)) {
    const has = found.tagged[key ?? ""]?.includes(button.dataset.tag ?? "");
    button.setAttribute("aria-pressed", String(Boolean(has)));
  }
}

/** @param {BarRoot} root @param {Turn} kind @param {number} number that there are */
function drawTurn(root, kind, number) {
  const button = root.buttons[kind];
  if (button) {
    button.text.textContent = `${TITLES[kind]} (${number.toLocaleString("en-US")})`;
    button.ariaDisabled = String(!number);
  }
}

/**
 * Say what is decided about an image, and by whom.
 * @param {BarRoot} root
 * @param {{ sample_key: string, decided_by: string }} card
 * @param {Verdict | undefined} verdict
 */
export function decidedText(root, card, verdict) {
  if (verdict !== "keep" && verdict !== "drop") {
    return "No decision yet";
  }
  const isMine = verdict !== root.data.marks[card.sample_key] || !card.decided_by;
  return `Decided: ${verdict} by ${isMine ? root.data.who : card.decided_by}`;
}
