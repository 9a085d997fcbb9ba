/** The wall of works: all jobs, newest first, and what is said where there are none. */

import { get, Unreachable } from "./api.js";
import { announce, say } from "./dom.js";
import { Jobs } from "./jobs.js";
import { confirm, removeJob } from "./removal.js";
import { Work } from "./work.js";

const AGE_MS = 30_000;
const COMPLAINT_MS = 10_000;
const LANES = 4;
const MOST = 1000;

export class Gallery {
  #jobs = new Jobs();
  #works = new Map();
  #complaint = null;
  #wall = document.getElementById("wall");
  #more = document.getElementById("more");
  #nothing = document.getElementById("nothing");
  #missed = document.getElementById("missed");
  #connection = document.getElementById("connection");
  #filter = document.getElementById("filter");
  #count = document.getElementById("count");
  #removeFailed = document.getElementById("remove-failed");

  /** Args: what to do when a work is clicked, and with each new list of jobs. */
  constructor({ open, onJobs }) {
    this.open = open;
    this.#jobs.addEventListener("change", () => {
      this.#render();
      if (this.#jobs.list) onJobs(this.#jobs.list);
    });
    this.#filter.addEventListener("change", () => this.#jobs.show(this.#filter.value));
    this.#more.addEventListener("click", () => this.#showMore());
    this.#removeFailed.addEventListener("click", () => this.#removeAllFailed());
    setInterval(() => this.#works.forEach((work) => work.grow()), AGE_MS);
  }

  start() {
    this.#jobs.start();
  }

  refresh() {
    return this.#jobs.refresh();
  }

  /** Say for a while what could not be done. */
  complain(error) {
    this.#say(error);
    clearTimeout(this.#complaint);
    this.#complaint = setTimeout(() => this.#calm(), COMPLAINT_MS);
  }

  #say(error) {
    const hope = error instanceof Unreachable ? " This page goes on by itself once that is over." : "";
    say(this.#connection, error.message + hope);
    this.#connection.hidden = false;
    document.body.classList.toggle("cut-off", error instanceof Unreachable);
  }

  async #showMore() {
    this.#more.disabled = true;
    const last = this.#wall.lastElementChild;
    await this.#jobs.more();
    this.#more.disabled = false;
    last?.nextElementSibling?.querySelector("button:enabled")?.focus({ preventScroll: true });
  }

  /** Delete the jobs that failed, also those that the wall does not show yet. */
  async #removeAllFailed() {
    const failed = await this.#allFailed().catch((error) => this.complain(error));
    if (!failed) return;
    const wish = await confirm("Delete all failed?", `${works(failed.length)}, with the reports.`, { offersUpload: true });
    if (!wish) return;
    this.#removeFailed.disabled = true;
    const deleted = await this.#remove(failed, wish).catch((error) => this.complain(error));
    if (deleted) announce(`${works(deleted)} deleted.`);
    await this.refresh();
    this.#removeFailed.disabled = false;
    say(this.#removeFailed, "Delete all failed");
  }

  /** Delete jobs, a few at a time, and show how many are; return the number. */
  async #remove(jobs, wish) {
    const all = jobs.length;
    let deleted = 0;
    const lane = async () => {
      for (let job = jobs.pop(); job; job = jobs.pop()) {
        say(this.#removeFailed, `Deleting ${deleted} of ${all}`);
        await patiently(() => removeJob(job, wish));
        deleted += 1;
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return deleted;
  }

  async #allFailed() {
    const found = [];
    for (let cursor = ""; cursor !== null; ) {
      const query = new URLSearchParams({ status: "Failed", top: MOST, cursor });
      const page = await get(`api/jobs?${query}`);
      found.push(...page.jobs);
      cursor = page.next;
    }
    return found;
  }

  #render() {
    const { list, trouble, hasMore } = this.#jobs;
    if (trouble) this.#say(trouble);
    else if (list) this.#calm();
    this.#wall.setAttribute("aria-busy", String(!list));
    this.#nothing.hidden = !list || list.length > 0;
    this.#more.hidden = !list || !hasMore;
    this.#removeFailed.hidden = !list?.some((job) => job.status === "Failed");
    say(this.#count, !list?.length ? "" : hasMore ? `the latest ${list.length}` : works(list.length));
    if (!list) return;
    this.#nameMissed();
    this.#hang(list);
    const word = this.#filter.value ? "Nothing of that kind." : "Bare walls. Drop a video, and its painting will hang here.";
    say(this.#nothing.querySelector("p"), word);
  }

  #nameMissed() {
    const lines = this.#jobs.missed.map(({ upload, message }) => {
      const line = document.createElement("li");
      line.textContent = `${upload} has no job yet: ${message}.`;
      return line;
    });
    this.#missed.replaceChildren(...lines);
    this.#missed.hidden = !lines.length;
  }

  #calm() {
    if (this.#jobs.trouble) return;
    this.#connection.hidden = true;
    document.body.classList.remove("cut-off");
  }

  /** Make the wall show the jobs in their order; works that stay are not touched, nor their focus. */
  #hang(list) {
    this.#takeDown(new Set(list.map((job) => job.id)));
    let place = this.#wall.firstElementChild;
    for (const job of list) {
      const work = this.#works.get(job.id) ?? new Work(job, this);
      this.#works.set(job.id, work);
      work.update(job);
      if (work.root === place) place = place.nextElementSibling;
      else this.#wall.insertBefore(work.root, place);
    }
  }

  #takeDown(staying) {
    for (const skeleton of this.#wall.querySelectorAll(".skeleton")) skeleton.remove();
    for (const [id, work] of this.#works) {
      if (staying.has(id)) continue;
      work.close();
      this.#works.delete(id);
    }
  }
}

/** "1 work", "12 works". */
function works(count) {
  return `${count} ${count === 1 ? "work" : "works"}`;
}

/** Do something, again where the API asks to wait. */
async function patiently(deed) {
  for (;;) {
    try {
      return await deed();
    } catch (error) {
      if (error.status !== 429) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (error.waitSeconds || 1)));
    }
  }
}
