// Elements, and addresses of images.

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, className, text) {
  const element = document.createElement(name);
  element.className = className;
  if (text !== undefined) {
    element.textContent = text;
  }
  return element;
}

/**
 * @param {string} className
 * @param {string} text
 * @param {() => unknown} onclick
 */
export function makeButton(className, text, onclick) {
  const button = make("button", className, text);
  button.type = "button";
  button.onclick = onclick;
  return button;
}

export function makeStatus() {
  const status = make("div", "status");
  status.setAttribute("role", "status");
  return status;
}

/** @param {{ status: HTMLElement }} root @param {string} text */
export function say(root, text) {
  root.status.textContent = text;
}

/** @param {{ content_id: string }} item */
export function thumbnail(item) {
  return `images/thumb/${encodeURIComponent(item.content_id)}.webp`;
}

/** @param {string} dataset @param {{ content_id: string }} item */
export function largeView(dataset, item) {
  return `images/view/${encodeURIComponent(dataset)}/${encodeURIComponent(item.content_id)}`;
}

/** @param {string} dataset @param {{ content_id: string }} item */
export function originalFile(dataset, item) {
  return `images/original/${encodeURIComponent(dataset)}/${encodeURIComponent(item.content_id)}`;
}

/** @param {string} dataset @param {{ content_id: string }} item */
export function allPixels(dataset, item) {
  return `images/pixels/${encodeURIComponent(dataset)}/${encodeURIComponent(item.content_id)}`;
}

/** The element of the page that a component is in, which its own tree does not see. @param {HTMLElement} root */
export function hostOf(root) {
  const tree = root.getRootNode();
  return tree instanceof ShadowRoot ? tree.host : root;
}

/** How far the page itself is scrolled. @param {HTMLElement} root */
export function pageScroll(root) {
  return hostOf(root).closest('[data-testid="stMain"]')?.scrollTop ?? 0;
}
