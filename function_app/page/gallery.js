/** The wall of works: all jobs, newest first, and what is said where there are none. */

import { remove, Unreachable } from "./api.js";
import { announce, say } from "./dom.js";
import { Jobs } from "./jobs.js";
import { confirm } from "./removal.js";
import { Work } from "./work.js";

const AGE_MS = 30_000;
const COMPLAINT_MS = 10_000;

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

  async #removeAllFailed() {
    const failed = this.#jobs.list.filter((job) => job.status === "Failed");
    const sentence = `${failed.length} that failed, with their reports; the uploads stay.`;
    if (!(await confirm("Delete all failed?", sentence))) return;
    const answers = await Promise.allSettled(failed.map((job) => remove(`api/jobs/${job.id}`)));
    const refused = answers.find((answer) => answer.status === "rejected");
    if (refused) this.complain(refused.reason);
    announce(`${answers.filter((answer) => answer.status === "fulfilled").length} are deleted.`);
    await this.refresh();
  }

  #render() {
    const { list, trouble, hasMore } = this.#jobs;
    if (trouble) this.#say(trouble);
    else if (list) this.#calm();
    this.#wall.setAttribute("aria-busy", String(!list));
    this.#nothing.hidden = !list || list.length > 0;
    this.#more.hidden = !list || !hasMore;
    this.#removeFailed.hidden = !list?.some((job) => job.status === "Failed");
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
