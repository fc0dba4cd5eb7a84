// Opens another page of the app, once for each token.
/** @import { Mount, Navigation } from "./types.js" */

import { follow } from "./navigation.js";

/** What was followed: the page may be drawn again, with other colours for instance, before it is left. */
const followed = new Set();

/** @param {Mount<Navigation>} mount */
export default function ({ data }) {
  if (followed.has(data.token)) {
    return;
  }
  followed.add(data.token);
  follow(data.url);
}
