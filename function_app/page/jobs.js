/** The jobs that there are, newest first: polled page by page, and only what may have changed. */

import { getIfChanged, Unreachable } from "./api.js";

const PAGE = 50;
const ACTIVE_MS = 1500;
const IDLE_MS = 5000;
const TROUBLE_MS = 15_000;
const ENDED = new Set(["Completed", "Failed", "Cancelled"]);

export const hasEnded = (job) => ENDED.has(job.status);

/**
 * Its event `change` tells that `list`, `hasMore` or `trouble` are others than before.
 *
 * `list` is null before the first answer; `trouble` is the error of the last request; `missed` are
 * uploads whose event failed, so that they have no job yet.
 */
export class Jobs extends EventTarget {
  list = null;
  missed = [];
  trouble = null;
  #pages = [];
  #wanted = 1;
  #status = "";
  #turn = 0;
  #timer = null;

  /** Begin to poll; go on at once when the page is seen again or the network is back. */
  start() {
    window.addEventListener("online", () => this.refresh());
    window.addEventListener("offline", () => this.#fail(new Unreachable("You are offline.")));
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    this.refresh();
  }

  get hasMore() {
    return this.#pages.at(-1)?.next != null;
  }

  /** Show jobs of one status only, or all where it is empty. */
  show(status) {
    Object.assign(this, { list: null });
    this.#status = status;
    this.#wanted = 1;
    this.#changed();
    return this.refresh();
  }

  /** Load one page more. */
  more() {
    this.#wanted += 1;
    return this.refresh();
  }

  /** Ask now, then again after a while. */
  async refresh() {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    let wait = IDLE_MS;
    try {
      const pages = await this.#load();
      if (turn !== this.#turn) return;
      this.#take(pages);
      if (!this.list.every(hasEnded)) wait = ACTIVE_MS;
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#fail(error);
      wait = Math.min(TROUBLE_MS, Math.max(IDLE_MS, 1000 * (error.waitSeconds ?? 0)));
    }
    if (!document.hidden) this.#timer = setTimeout(() => this.refresh(), wait);
  }

  async #load() {
    const pages = [];
    for (let cursor = ""; pages.length < this.#wanted && cursor !== null; cursor = pages.at(-1).next) {
      pages.push(await this.#page(cursor, this.#pages[pages.length]));
    }
    return pages;
  }

  /** Return a page: the known one where it is the same and nothing in it can change. */
  async #page(cursor, known) {
    const query = new URLSearchParams({ top: PAGE, ...(this.#status && { status: this.#status }) });
    if (cursor) query.set("cursor", cursor);
    const path = `api/jobs?${query}`;
    const isKnown = known?.path === path;
    if (isKnown && cursor && known.jobs.every(hasEnded)) return known;
    const fresh = await getIfChanged(path, isKnown ? known.etag : null);
    return fresh ? { path, etag: fresh.etag, next: null, missed: [], ...fresh.body } : known;
  }

  #take(pages) {
    const isSame = this.list && !this.trouble && pages.length === this.#pages.length;
    if (isSame && pages.every((page, index) => page === this.#pages[index])) return;
    this.#pages = pages;
    this.list = pages.flatMap((page) => page.jobs);
    this.missed = pages[0].missed;
    this.trouble = null;
    this.#changed();
  }

  #fail(error) {
    this.trouble = error;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
