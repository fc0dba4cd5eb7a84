// What the sample window says of the sample that it shows: name, decision, tags, and where we are.
/** @import { SampleRoot } from "./sample_types.js" */

import { decidedText, refreshButtons } from "./desk_buttons.js";
import { make, originalFile } from "./elements.js";
import { outbox } from "./outbox.js";
import { predict } from "./prediction.js";
import { clearBeside } from "./sample_beside.js";

/** @param {SampleRoot} root */
export function refresh(root) {
  const { at, sequence, position } = root;
  const key = at.sample_key;
  const card = root.cards.get(key);
  if (card) {
    root.data.marks = { ...root.data.marks, [key]: card.verdict ?? undefined };
    root.data.tagged = { ...root.data.tagged, [key]: card.tags };
  }
  const found = predict(root.data, outbox(root));
  root.name.textContent = key;
  root.lines.replaceChildren(...(card?.lines ?? []).map((line) => make("div", "line", line)));
  root.decided.textContent = card ? decidedText(root, card, found.marks[key]) : "";
  root.whose.textContent = root.data.whose;
  root.original.href = originalFile(root.data.dataset ?? "", at);
  refreshButtons(root, found, key);
  const total = sequence?.total.toLocaleString("en-US");
  root.where.textContent = sequence && !root.isAside ? `${(position + 1).toLocaleString("en-US")} of ${total}` : "";
  root.back.hidden = !root.isAside || !sequence;
  // Not disabled: that would take the focus from the window, whose keys then lead nowhere.
  root.previous.ariaDisabled = String(!sequence || position <= 0);
  root.next.ariaDisabled = String(!sequence || position >= sequence.total - 1);
  clearBeside(root);
}
