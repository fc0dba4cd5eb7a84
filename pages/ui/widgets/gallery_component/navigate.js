// Opens another page of the app as a link does: one new entry in the browser's history, and none that has the parameters
// of the other page at the address of this one. Streamlit looks where to go whenever the history moves.
/** @import { Mount, Navigation } from "./types.js" */

/** What was followed: the page may be drawn again, with other colours for instance, before it is left. */
const followed = new Set();

/** @param {Mount<Navigation>} mount */
export default function ({ data }) {
  if (followed.has(data.token)) {
    return;
  }
  followed.add(data.token);
  window.history.pushState({}, "", new URL(data.url, document.baseURI));
  window.dispatchEvent(new PopStateEvent("popstate"));
}
