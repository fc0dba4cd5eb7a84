// Going to another page of the app as a link does: one new entry in the browser's history, and none that has the
// parameters of the other page at the address of this one. Streamlit looks where to go whenever the history moves.

/** @param {string} address below the folder of the app */
export function follow(address) {
  window.history.pushState({}, "", new URL(address, document.baseURI));
  window.dispatchEvent(new PopStateEvent("popstate"));
}

/** Whether a click means this tab, and not another one or the list of what can be done. @param {MouseEvent} event */
export function isPlainClick(event) {
  return event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}
