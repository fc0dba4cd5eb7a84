// The address of the sample window: it changes with the sample at once, and going from one to the next adds nothing to
// the browser's history, so that "back" leaves the window.

/**
 * A query string with another value of a parameter, encoded as the server does it: else it would be another address.
 * @param {string} search
 * @param {string} name
 * @param {string} value
 */
export function withParameter(search, name, value) {
  const pair = `${name}=${encoded(value)}`;
  const parts = search.replace(/^\?/, "").split("&").filter(Boolean);
  const index = parts.findIndex((part) => part.startsWith(`${name}=`));
  const changed = index < 0 ? [...parts, pair] : parts.map((part, other) => (other === index ? pair : part));
  return `?${changed.join("&")}`;
}

/** @param {string} value */
function encoded(value) {
  const hex = (/** @type {string} */ sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(value)
    .replace(/[!'()*]/g, hex)
    .replace(/%20/g, "+");
}

/** @param {string} key @param {boolean} isStep whether "back" leads not to the sample before */
export function writeAddress(key, isStep) {
  const search = withParameter(window.location.search, "sample", key);
  if (search !== window.location.search) {
    const address = window.location.pathname + search;
    isStep ? window.history.replaceState(window.history.state, "", address) : window.history.pushState({}, "", address);
  }
}
