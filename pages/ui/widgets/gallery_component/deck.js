// One image after another, one key per decision: a key applies to the image on the screen, and the next image appears
// immediately, without waiting for the server. Without a stage only the buttons are drawn.
// Names come from files and labels: they only ever become textContent and attribute values.
/** @import { Command, DeckButton, DeckData, DeckRoot, HelpRow, Mount } from "./types.js" */

import { perform, press, show, step, tagCard } from "./deck_actions.js";
import { fitPicture } from "./deck_pictures.js";
import { settle, toTell } from "./deck_position.js";
import { drawStrip, refresh } from "./deck_view.js";
import { make, makeButton, makeStatus } from "./elements.js";
import { helpRows, makeHelp, makeHelpButton } from "./help.js";
import { listen } from "./keyboard.js";
import { acknowledge, outbox } from "./outbox.js";
import { dot, TAG_HELP, toggleTag } from "./tags.js";
import { isVerdict, TITLES, VERDICTS } from "./verdicts.js";

const ICONS = { keep: "✓", drop: "✕", undecided: "?", undo: "↶", redo: "↷" };

/** @param {Mount<DeckData>} mount */
export default function ({ parentElement, data, setTriggerValue }) {
  const root = /** @type {DeckRoot} */ (/** @type {unknown} */ (parentElement.querySelector(".deck")));
  const isFirst = root.data === undefined;
  root.data = data;
  root.cards = new Map(data.cards.map((card) => [card.sample_key, card]));
  root.keys = [...root.cards.keys()];
  root.report = (actions) => setTriggerValue("acted", { actions, at: toTell(root, actions) });
  root.tell = () => setTriggerValue("moved", toTell(root, outbox(root)));
  if (isFirst) {
    begin(root);
  }
  listen(root, (event) => press(root, event));
  settle(root, isFirst ? outbox(root) : []);
  acknowledge(root);
  drawStrip(root, (key) => show(root, key));
  drawTagButtons(root);
  refresh(root);
}

/** @param {DeckRoot} root */
function begin(root) {
  const { stage, cards, keys, label } = root.data;
  root.setAttribute("aria-label", label);
  root.classList.toggle("staged", stage);
  root.status = makeStatus();
  root.buttons = {};
  root.decided = make("div", "decided");
  root.tags = make("div", "tag-buttons");
  root.tags.setAttribute("role", "group");
  root.tags.setAttribute("aria-label", "Tags");
  const buttons = drawButtons(root, cards.length > 0);
  root.side = make("div", "side");
  const parts = [];
  if (stage) {
    root.frame = make("div", "frame");
    root.name = make("div", "name");
    root.lines = make("div", "lines");
    root.original = make("a", "original", "Original file");
    root.original.setAttribute("download", "");
    root.strip = make("div", "strip");
    root.side.append(root.name, root.lines, root.decided, root.tags, drawWhy(root), buttons, root.original);
    parts.push(root.frame, root.side, root.strip);
  } else {
    root.side.append(buttons, ...(cards.length ? [root.decided, root.tags] : []));
    parts.push(root.side);
  }
  root.replaceChildren(...parts, root.status);
  const all = /** @type {Command[]} */ (Object.keys(keys));
  const commands = all.filter((command) => cards.length || !isVerdict(command));
  /** @type {HelpRow[]} */
  const moves = stage ? [[["←", "→"], "Move to another image without deciding"]] : [];
  makeHelp(root, [...helpRows(keys, commands), ...(cards.length ? [TAG_HELP] : []), ...moves]);
  root.pictures = new Map();
  new ResizeObserver(() => fitPicture(root)).observe(root);
}

/**
 * A button for each tag: pressed where the image on the screen has it.
 * @param {DeckRoot} root
 */
function drawTagButtons(root) {
  const drawn = JSON.stringify(root.data.tags);
  if (root.tags.dataset.drawn === drawn) {
    return;
  }
  root.tags.dataset.drawn = drawn;
  root.tags.replaceChildren(
    ...root.data.tags.map((tag) => {
      const button = makeButton("toggle", "", () => tagCard(root, (items, next) => toggleTag(root, tag, items, next)));
      button.dataset.tag = tag.name;
      button.append(dot(tag.colour), make("span", "text", tag.name));
      if (tag.digit !== null) {
        button.append(make("kbd", "key", String(tag.digit)));
      }
      return button;
    }),
  );
}

/** @param {DeckRoot} root */
function drawWhy(root) {
  const label = make("label", "why", "Reason (optional)");
  const why = label.appendChild(document.createElement("input"));
  why.maxLength = 200;
  // Enter ends the text: the next key is a decision again.
  why.addEventListener("keydown", (event) => event.key === "Enter" && why.blur());
  root.why = why;
  return label;
}

/** @param {DeckRoot} root @param {boolean} decides */
function drawButtons(root, decides) {
  const buttons = make("div", "buttons");
  const commands = /** @type {const} */ ([...(decides ? VERDICTS : []), "undo", "redo"]);
  for (const command of commands) {
    const onclick = () => button.ariaDisabled !== "true" && perform(root, command);
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
  if (root.data.stage) {
    buttons.append(
      makeButton("button", "Back", () => step(root, -1)),
      makeButton("button", "Next", () => step(root, 1)),
    );
  }
  buttons.append(makeHelpButton(root));
  return buttons;
}
