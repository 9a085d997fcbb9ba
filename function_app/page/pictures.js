/** Pictures of the API, loaded when they come into sight and a few at a time. */

import { getPicture } from "./api.js";

const AT_ONCE = 4;
const MARGIN = "300px";

const waiting = [];
let loading = 0;

const sight = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      target.isInSight = isIntersecting;
      if (isIntersecting) target.onSight?.();
    }
  },
  { rootMargin: MARGIN },
);

/** A picture that is shown in an image element, and shown anew when it has changed. */
export class Picture {
  #image;
  #place;
  #wanted = null;
  #shown = null;
  #isWaiting = false;

  /** Args: the image; what must be in sight for it to be loaded. */
  constructor(image, place) {
    this.#image = image;
    this.#place = place;
    place.onSight = () => this.#enqueue();
    sight.observe(place);
  }

  /** Show what is at a path; a new `version` tells that it is another than before. */
  show(path, version = "") {
    this.showFirst([{ path, tell() {} }], version);
  }

  /** Show the first of some pictures that there is, each {path, tell}; `tell` is called with it. */
  showFirst(choices, version = "") {
    const path = choices.map((each) => each.path).join(" ");
    this.#wanted = { path, version, choices };
    if (this.#place.isInSight) this.#enqueue();
  }

  /** Show a picture that is here already, by a URL of this document's own, until another is there. */
  take(url) {
    if (!this.#shown) this.#replace(url);
    else URL.revokeObjectURL(url);
  }

  /** Stop watching, and give the memory back. */
  close() {
    sight.unobserve(this.#place);
    this.#wanted = null;
    if (this.#image.src) URL.revokeObjectURL(this.#image.src);
  }

  get #isUpToDate() {
    const [wanted, shown] = [this.#wanted, this.#shown];
    return !wanted || (wanted.path === shown?.path && wanted.version === shown?.version);
  }

  #enqueue() {
    if (this.#isWaiting || this.#isUpToDate) return;
    this.#isWaiting = true;
    waiting.push(() => this.#load());
    next();
  }

  async #load() {
    const wanted = this.#wanted;
    if (!wanted) return;
    this.#shown = wanted;
    for (const { path, tell } of wanted.choices) {
      // What is gone is passed over: what stands in its place stays, and the next version asks again.
      const url = await getPicture(path).catch(() => null);
      if (!url) continue;
      await this.#replace(url).then(tell, () => {});
      break;
    }
    this.#isWaiting = false;
    // Another may have been wanted meanwhile, and found this one on its way.
    if (this.#place.isInSight) this.#enqueue();
  }

  async #replace(url) {
    const before = this.#image.src;
    this.#image.src = url;
    await this.#image.decode();
    this.#image.hidden = false;
    if (before) URL.revokeObjectURL(before);
  }
}

async function next() {
  if (loading >= AT_ONCE || !waiting.length) return;
  loading += 1;
  await waiting.shift()();
  loading -= 1;
  next();
}
