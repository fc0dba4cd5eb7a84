// What the server answers beside the page: records and bytes.

/** @param {string} address @param {AbortSignal} [signal] @returns {Promise<Response>} of success; else the server says why */
async function answerOf(address, signal) {
  const answer = await fetch(new URL(address, document.baseURI), { signal });
  if (!answer.ok) {
    throw new Error((await answer.json()).error);
  }
  return answer;
}

/**
 * An answer of the server; what it cannot do, it says.
 * @param {string} address
 * @param {AbortSignal} [signal]
 */
export async function ask(address, signal) {
  return (await answerOf(address, signal)).json();
}

/** @param {string} address */
export async function askBytes(address) {
  return (await answerOf(address)).arrayBuffer();
}
