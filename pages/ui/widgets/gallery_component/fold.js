// One line instead of the choices at the top of a page, which opens them. Whether there is one is up to the page's style:
// only in a narrow window. That they are open is marked on the page's own element, which outlives what is drawn in it.
/** @import { Fold, Mount } from "./types.js" */

import { hostOf, make, makeButton } from "./elements.js";

/** @param {Mount<Fold>} mount */
export default function ({ parentElement, data }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".fold"));
  const page = /** @type {HTMLElement | null} */ (hostOf(root).closest('[data-testid="stMainBlockContainer"]'));
  const isFocused = root.contains(/** @type {ShadowRoot | Document} */ (root.getRootNode()).activeElement);
  const button = makeButton("line", "", () => {
    const isOpen = page?.toggleAttribute("data-unfolded") ?? false;
    button.setAttribute("aria-expanded", String(isOpen));
  });
  button.append(make("span", "text", data.text));
  button.setAttribute("aria-label", `${data.label}: ${data.text}`);
  button.setAttribute("aria-expanded", String(page?.hasAttribute("data-unfolded") ?? false));
  root.replaceChildren(button);
  if (isFocused) {
    button.focus();
  }
}
