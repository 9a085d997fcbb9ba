/** Requests to the API: the key that it may want, its problems, and what has not changed. */

import { parts } from "./dom.js";

const KEY = "atelier.key";

/** The API refuses; the message says to people what is wrong and what to do. */
export class Problem extends Error {
  constructor({ status, code, detail, action }, waitSeconds = 0) {
    super(action ? `${detail.replace(/\.$/, "")}. ${action}` : detail);
    Object.assign(this, { status, code, waitSeconds });
  }
}

/** Nobody answers: not whom the sentence names, or nobody at all. */
export class Unreachable extends Error {
  constructor(sentence, options) {
    super(navigator.onLine ? sentence : "You are offline.", options);
  }
}

/** Return the JSON at a path of the API. */
export async function get(path) {
  return (await ask(path, { headers: { Accept: "application/json" } })).json();
}

/** Return what is at a path and its ETag, or null where that is the ETag already known. */
export async function getIfChanged(path, etag) {
  const headers = { Accept: "application/json", ...(etag && { "If-None-Match": etag }) };
  const answer = await ask(path, { headers });
  if (answer.status === 304) return null;
  return { etag: answer.headers.get("ETag"), body: await answer.json() };
}

/** Return a picture as a URL of this document's own, which whoever shows it revokes; null for none yet. */
export async function getPicture(path) {
  const answer = await ask(path, {});
  return answer.status === 204 ? null : URL.createObjectURL(await answer.blob());
}

/** Post JSON; return the JSON of the answer. */
export async function post(path, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(body ?? {}) })).json();
}

/** Delete what is at a path. */
export async function remove(path) {
  await ask(path, { method: "DELETE" });
}

async function ask(path, options) {
  let answer = await send(path, options);
  for (let refused = false; answer.status === 401; refused = true) {
    await askKey(refused);
    answer = await send(path, options);
  }
  if (!answer.ok && answer.status !== 304) throw await problem(answer);
  return answer;
}

async function send(path, options) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key && { "x-functions-key": key }) };
  try {
    return await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    throw new Unreachable("Atelier does not answer.", { cause: error });
  }
}

async function problem(answer) {
  const detail = `Atelier answered ${answer.status} ${answer.statusText}.`;
  const body = await answer.json().catch(() => ({}));
  return new Problem({ detail, ...body, status: answer.status }, Number(answer.headers.get("Retry-After")));
}

let asking = null;

/** Ask for the key, once for all requests that wait for it. */
function askKey(refused) {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("ask-key");
    const part = parts(dialog);
    part.refused.hidden = !refused;
    part.key.value = "";
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => resolve(part.key.value), { once: true });
    dialog.showModal();
  }).then((key) => {
    sessionStorage.setItem(KEY, key);
    asking = null;
  });
  return asking;
}
