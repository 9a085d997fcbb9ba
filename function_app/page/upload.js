/**
 * The upload of one file, straight to blob storage by a URL that the API signs.
 *
 * The file goes in slices, several at once; a list of them commits the blob. What was sent is
 * remembered, so that an upload that was cut off goes on where it stopped, after a reload too.
 * https://learn.microsoft.com/rest/api/storageservices/put-block
 */

import { Problem, Unreachable } from "./api.js";

export const SLICE = 4 * 2 ** 20;
const LANES = 4;
const PATIENCE_MS = 900_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const SAMPLE = 256 * 2 ** 10;
const MEMORY = "atelier.upload.";
/** Storage drops slices of which no blob is made within a week. */
const KEPT_MS = 7 * 86_400_000;
const REFUSALS = {
  412: "Another file of that name was uploaded meanwhile. Try again.",
};

/** Storage refuses; another try may change that or not. */
class Refusal extends Error {
  constructor(status) {
    super(REFUSALS[status] ?? `The storage refuses the upload (${status}). Try again.`);
    this.status = status;
  }
}

/** The file is not what it was when it was chosen. */
class Changed extends Error {
  constructor({ name }) {
    super(`${name} changed since it was chosen. Choose it again once nothing writes to it any more.`);
  }
}

/** What tells a file from others of its name: its size, and what is in it in three places. */
async function fingerprintOf(file) {
  // Only pages that come by HTTPS, or from this machine, may hash.
  if (!crypto.subtle) return `${file.size}-${file.lastModified}`;
  const middle = Math.max(0, Math.floor((file.size - SAMPLE) / 2));
  const places = [0, middle, Math.max(0, file.size - SAMPLE)];
  const samples = places.map((place) => file.slice(place, place + SAMPLE));
  const content = await readable(file, () => new Blob([String(file.size), ...samples]).arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Read of a file; browsers refuse that once it has changed on disk. */
async function readable(file, read) {
  try {
    return await read();
  } catch (error) {
    throw new Changed(file, { cause: error });
  }
}

/**
 * One file on its way. Its event `change` tells of each step.
 *
 * `state` is waiting, sending, sent, known, failed or cancelled: known is a file that was uploaded
 * before. `sent` counts bytes; `problem` is what went wrong, or is waited for while it is sending;
 * `blob` is the name that the file gets in storage.
 */
export class Upload extends EventTarget {
  state = "waiting";
  problem = null;
  blob = null;
  #grant = null;
  #ask;
  #onWay = new Map();
  #abort = null;

  /** Args: the file, and a function that asks the API, with its fingerprint, to sign its URL. */
  constructor(file, ask) {
    super();
    this.file = file;
    this.#ask = ask;
    this.memory = new Memory(file);
  }

  get sent() {
    const there = [...this.memory.there].reduce((sum, index) => sum + this.#slice(index).size, 0);
    return [...this.#onWay.values()].reduce((sum, part) => sum + part, there);
  }

  /** Send what is not there yet. Never throws: `state` and `problem` say how it ended. */
  async run() {
    this.#abort = new AbortController();
    this.problem = null;
    this.#become("sending");
    try {
      this.#become((await this.#send()) ? "sent" : "known");
    } catch (error) {
      this.problem = error;
      this.#become(this.#abort.signal.aborted ? "cancelled" : "failed");
    } finally {
      this.#abort.abort();
      this.#onWay.clear();
      this.memory.release();
    }
  }

  cancel() {
    this.#abort?.abort();
    if (this.state !== "sent") this.#become("cancelled");
  }

  /** Return whether anything was sent: not where the API has the file already. */
  async #send() {
    this.fingerprint ??= await fingerprintOf(this.file);
    await this.#patiently(() => this.#renew());
    if (!this.#grant.url) return false;
    const pending = this.#indices().filter((index) => !this.memory.there.has(index));
    const lane = async () => {
      while (pending.length) await this.#sendSlice(pending.shift());
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    if ((await fingerprintOf(this.file)) !== this.fingerprint) throw new Changed(this.file);
    await this.#commit();
    return true;
  }

  async #renew() {
    this.#grant = await this.#ask(this.fingerprint);
    this.blob = this.#grant.blob;
    this.memory.bind(this.blob);
  }

  async #sendSlice(index) {
    const slice = await readable(this.file, () => this.#slice(index).arrayBuffer());
    await this.#patiently(() =>
      this.#put(`comp=block&blockid=${encodeURIComponent(this.memory.id(index))}`, slice, {}, (part) => {
        this.#onWay.set(index, part);
        this.#changed();
      }),
    );
    this.#onWay.delete(index);
    this.memory.add(index);
    this.#changed();
  }

  async #commit() {
    const ids = this.#indices().map((index) => `<Latest>${this.memory.id(index)}</Latest>`);
    const list = `<?xml version="1.0" encoding="utf-8"?><BlockList>${ids.join("")}</BlockList>`;
    let tries = 0;
    try {
      await this.#patiently(() => {
        tries += 1;
        return this.#put("comp=blocklist", list, this.#headers());
      });
    } catch (error) {
      // Storage has dropped slices that we remember.
      if (error.status === 400) this.memory.clear();
      // Or the blob was written by an earlier try, whose answer was lost.
      if (error.status !== 412 || tries === 1) throw error;
    }
    this.memory.clear();
  }

  /** What the API wants said of the blob; that it is one of blocks goes without saying here. */
  #headers() {
    const { "x-ms-blob-type": _, ...headers } = this.#grant.headers ?? {};
    return this.file.type ? { ...headers, "x-ms-blob-content-type": this.file.type } : headers;
  }

  /** Try again what fails by no fault of the request, and sign anew what has expired. */
  async #patiently(request) {
    const start = performance.now();
    let isSignedAnew = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await request();
        this.#wait(null);
        return answer;
      } catch (error) {
        const isOver = performance.now() - start > PATIENCE_MS;
        if (this.#abort.signal.aborted || isOver || !isPassing(error)) throw error;
        this.#wait(error);
        if (error.status !== 403) {
          await pause(waitOf(error, attempt), this.#abort.signal);
          continue;
        }
        // A URL that has expired is signed anew; one that is new is not refused for its age.
        if (isSignedAnew) throw error;
        isSignedAnew = true;
        await this.#renew();
      }
    }
  }

  #put(query, body, headers, onProgress) {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    this.#abort.signal.addEventListener("abort", stop);
    return new Promise((resolve, reject) => {
      request.open("PUT", `${this.#grant.url}&${query}`);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      if (onProgress) request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
      request.addEventListener("load", () => {
        if (request.status === 201) resolve();
        else reject(new Refusal(request.status));
      });
      request.addEventListener("error", () => reject(new Unreachable("The storage does not answer. Try again.")));
      request.addEventListener("abort", () => reject(this.#abort.signal.reason));
      request.send(body);
    }).finally(() => this.#abort.signal.removeEventListener("abort", stop));
  }

  #indices() {
    return Array.from({ length: Math.ceil(this.file.size / SLICE) }, (_, index) => index);
  }

  #slice(index) {
    return this.file.slice(index * SLICE, (index + 1) * SLICE);
  }

  /** Show what is waited for, or that it is over. */
  #wait(problem) {
    if (this.problem === problem) return;
    this.problem = problem;
    this.#changed();
  }

  #become(state) {
    this.state = state;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Which slices of a file are in storage, under which names; outlives the page. */
class Memory {
  #place = null;
  #file;
  #about;
  #letGo = null;
  there = new Set();

  constructor(file) {
    this.#about = { name: file.name, size: file.size };
    this.#file = `${file.size.toString(36)}-${file.lastModified.toString(36)}`.slice(0, 24).padEnd(24, ".");
  }

  get place() {
    return this.#place;
  }

  /** Take up what is known of the upload of this file to a blob. */
  bind(blob) {
    const place = `${MEMORY}${this.#file}.${blob}`;
    if (!this.#letGo || this.#place !== place) this.#hold(place);
    if (this.#place === place) return;
    this.#place = place;
    this.there = new Set(recall(place)?.there ?? []);
  }

  /** Let other tabs know that the upload goes on, and has not been cut off; until it is released. */
  #hold(place) {
    this.release();
    const held = new Promise((resolve) => (this.#letGo = resolve));
    navigator.locks?.request(place, { mode: "shared" }, () => held);
  }

  release() {
    this.#letGo?.();
    this.#letGo = null;
  }

  /** The name of a slice: of one length for all, and no other file's. */
  id(index) {
    return btoa(`${this.#file}${String(index).padStart(6, "0")}`);
  }

  add(index) {
    this.there.add(index);
    const known = { ...this.#about, there: [...this.there], time: Date.now() };
    localStorage.setItem(this.#place, JSON.stringify(known));
  }

  clear() {
    this.there.clear();
    localStorage.removeItem(this.#place);
  }
}

/**
 * Return the uploads of videos that were cut off, each {place, name, size, sent}; `sent` counts
 * bytes. Those whose slices storage has dropped by now are forgotten, those that go on in another
 * tab are left to that.
 */
export async function cutOff() {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  const goingOn = new Set(held.map((lock) => lock.name));
  const places = Object.keys(localStorage).filter((key) => key.startsWith(MEMORY));
  return places.flatMap((place) => {
    const { name, size, there, time } = recall(place) ?? {};
    // What stands before the blob's name is of one length.
    const blob = place.slice(MEMORY.length + 25);
    if (goingOn.has(place)) return [];
    if (!name || Date.now() - time > KEPT_MS) localStorage.removeItem(place);
    else if (blob.includes("/")) return [{ place, name, size, sent: sizeOf(there, size) }];
    return [];
  });
}

/** How many bytes some slices of a file of that size have. */
function sizeOf(indices, size) {
  return indices.reduce((sum, index) => sum + Math.min(SLICE, size - index * SLICE), 0);
}

/** Forget an upload that was cut off. */
export function forget({ place }) {
  localStorage.removeItem(place);
}

function recall(place) {
  try {
    return JSON.parse(localStorage.getItem(place));
  } catch {
    return null;
  }
}

function isPassing(error) {
  if (error instanceof Problem) return error.status === 429 || error.status >= 500;
  return error instanceof Unreachable || [403, 408, 429].includes(error.status) || error.status >= 500;
}

/** How long to wait: as long as the other side asks for, else longer each time. */
function waitOf(error, attempt) {
  return Math.max(1000 * (error.waitSeconds ?? 0), Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt));
}

/** Wait, and for the network if there is none. */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const wake = () => (navigator.onLine ? resolve() : window.addEventListener("online", resolve, { once: true }));
    setTimeout(wake, milliseconds);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
