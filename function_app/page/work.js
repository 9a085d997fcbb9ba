/** One job on the wall: its picture, how it stands, and what can be done with it. */

import { get, post } from "./api.js";
import { announce, name as write, say, stamp } from "./dom.js";
import { age, duration, manner, money } from "./format.js";
import { hasEnded } from "./jobs.js";
import { Picture } from "./pictures.js";
import { confirmRemoval, removeJob } from "./removal.js";

const STAGES = {
  preprocess: "Reading the video",
  wait: "Waiting for its style",
  queue: "Waiting for a machine",
  score: "Painting",
  stitch: "Joining what is painted",
  cancelled: "Being cancelled",
};
const VIDEO = /\.(mp4|mkv)$/;

export class Work {
  #part = stamp("work");
  #picture;
  #wall;
  job = null;

  /** Args: the job as the API has it; the gallery that the work is part of. */
  constructor(job, wall) {
    this.#wall = wall;
    this.#picture = new Picture(this.#part.picture, this.root);
    this.#part.open.addEventListener("click", () => wall.open(this.job));
    this.#part.download.addEventListener("click", () => this.#try(() => download(this.job)));
    this.#part.cancel.addEventListener("click", () => this.#try(() => this.#cancel()));
    this.#part.remove.addEventListener("click", () => this.#try(() => this.#remove()));
    this.#name(job);
    this.update(job);
  }

  get root() {
    return this.#part.root;
  }

  /** Show the job as it stands now. */
  update(job) {
    if (job === this.job) return;
    const was = this.job;
    this.job = job;
    this.root.dataset.status = job.status;
    say(this.#part.style, manner(job));
    this.#showMaking();
    this.#showOutcome();
    this.#offerDeeds();
    this.#choosePicture();
    if (was && !hasEnded(was) && hasEnded(job)) announce(outcome(job));
  }

  /** Write the age anew. */
  grow() {
    say(this.#part.created, age(this.job.created));
  }

  close() {
    this.#picture.close();
    this.root.remove();
  }

  #name({ name, created }) {
    const part = this.#part;
    write(part.name, name);
    part.created.dateTime = created;
    part.created.title = new Date(created).toLocaleString();
    part.created.textContent = age(created);
    part.progress.setAttribute("aria-label", `Progress of ${name}`);
    for (const each of ["download", "cancel", "remove"]) {
      part[each].setAttribute("aria-label", `${part[each].textContent} ${name}`);
    }
  }

  #showMaking() {
    const { job } = this;
    const part = this.#part;
    const { done = 0, total = 0 } = job.frames ?? {};
    part.making.hidden = hasEnded(job);
    if (part.making.hidden) return;
    if (job.stage === "score" && total) part.progress.value = done / total;
    else part.progress.removeAttribute("value");
    say(part.stage, doing(job));
    say(part.figures, figures(job));
  }

  #showOutcome() {
    const { job } = this;
    const part = this.#part;
    part.failure.hidden = job.status !== "Failed";
    const error = job.error ?? {};
    write(part.detail, error.detail ?? job.message ?? "");
    say(part.action, error.action ?? "");
    part.summary.hidden = job.status !== "Completed";
    say(part.summary, summary(job));
    const notes = job.notes ?? [];
    part.notes.hidden = !notes.length;
    part.notes.replaceChildren(...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  }

  #offerDeeds() {
    const { job } = this;
    const part = this.#part;
    part.open.disabled = !isWatchable(job);
    part.open.setAttribute("aria-label", `${isWatchable(job) ? "Before and after" : word(job)}: ${job.name}`);
    part.download.hidden = !job.result;
    part.cancel.hidden = hasEnded(job);
    part.remove.hidden = !hasEnded(job);
    part.studio.hidden = !job.studio_url;
    if (job.studio_url) part.studio.href = job.studio_url;
  }

  #choosePicture() {
    const { id, status, frames } = this.job;
    say(this.#part.word, isWatchable(this.job) ? "" : word(this.job));
    if (status === "Completed") this.#picture.show(`api/jobs/${id}/poster`);
    else if (!hasEnded(this.job) && frames?.done) this.#picture.show(`api/jobs/${id}/preview`, frames.done);
  }

  async #cancel() {
    this.#part.cancel.disabled = true;
    await post(`api/jobs/${this.job.id}/cancel`);
    say(this.#part.stage, STAGES.cancelled);
    this.#wall.refresh();
  }

  async #remove() {
    const wish = await confirmRemoval(this.job);
    if (!wish) return;
    await removeJob(this.job, wish);
    announce(`${this.job.name} is deleted.`);
    this.#wall.refresh();
  }

  async #try(deed) {
    try {
      await deed();
    } catch (error) {
      this.#part.cancel.disabled = false;
      this.#wall.complain(error);
    }
  }
}

/** Save the result under its own name. */
export async function download(job) {
  const { url } = await get(`api/jobs/${job.id}/result?download=true`);
  location.assign(url);
}

/** Whether there is a painted video to look at. */
export function isWatchable(job) {
  return job.status === "Completed" && VIDEO.test(job.result ?? "");
}

/** What stands on a canvas that has no picture. */
function word({ status, result }) {
  if (status === "Completed") return result ? "Lines, no pictures" : "Nothing to see";
  return { Failed: "Not painted", Cancelled: "Cancelled" }[status] ?? "A bare canvas";
}

/** What is being done, in a few words; who waits is told for what. */
function doing({ stage, message }) {
  if ((stage === "queue" || stage === "wait") && message) return message[0].toUpperCase() + message.slice(1);
  return STAGES[stage] ?? "Waiting";
}

function figures({ stage, frames, fps, eta_s: eta, nodes, gives_way: clips, attempt, cost }) {
  const isPainting = stage === "score" && frames?.total;
  return [
    isPainting && `${frames.done} of ${frames.total} frames`,
    isPainting && fps && `${fps.toFixed(1)} a second`,
    isPainting && eta != null && `${duration(eta)} left`,
    nodes > 1 && `${nodes} machines`,
    stage !== "queue" && clips > 0 && `gives way to ${clips === 1 ? "1 clip" : `${clips} clips`}`,
    attempt > 1 && `attempt ${attempt}`,
    cost && `${money(cost.spent, cost.currency)} of about ${money(cost.estimate, cost.currency)}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

function summary({ frames, duration_s: seconds, cost }) {
  const painted = frames?.total && `${frames.total} frames in ${duration(seconds)}`;
  return [painted, cost && money(cost.spent, cost.currency)].filter(Boolean).join(" · ");
}

function outcome({ name, status, error }) {
  if (status === "Completed") return `${name} is painted.`;
  if (status === "Failed") return `${name} was not painted: ${error?.detail ?? ""}`;
  return `${name} is cancelled.`;
}
