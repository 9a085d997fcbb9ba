/** The list of uploads: one file after the other, each with its progress, cancel and retry. */

import { post } from "./api.js";
import { announce, say, stamp } from "./dom.js";
import { bytes, duration } from "./format.js";
import { cutOff, forget, Upload } from "./upload.js";

const BUSY = new Set(["waiting", "sending"]);

export class Uploads {
  #list = document.getElementById("uploads");
  #queue = [];
  #isRunning = false;
  #sent = new Map();
  #shown = new Set();
  #title = document.title;
  #left = new Map();

  /** Args: what to do for who wants to choose a file. */
  constructor(onChoose) {
    cutOff().then((all) => all.forEach((left) => this.#showLeft(left, onChoose)));
  }

  /** Queue files to be painted as an order says: {style, strength, preserve_colour}. */
  add(files, order) {
    for (const file of files) {
      const wish = { filename: file.name, bytes: file.size, ...order };
      const upload = new Upload(file, (fingerprint) => post("api/uploads", { ...wish, fingerprint }));
      this.#show(upload);
      this.#enqueue(upload);
    }
  }

  get areBusy() {
    return this.#isRunning;
  }

  /** What part of all that is on its way has arrived, 0 to 1; null where nothing is. */
  get progress() {
    const busy = [...this.#shown].filter((upload) => BUSY.has(upload.state));
    const size = busy.reduce((sum, { file }) => sum + file.size, 0);
    return size ? busy.reduce((sum, { sent }) => sum + sent, 0) / size : null;
  }

  /** Take away the uploads whose jobs have appeared. */
  settle(jobs) {
    for (const { video, created } of jobs) {
      const sent = this.#sent.get(video);
      // The service's clock may be a little behind this one.
      if (!sent || Date.parse(created) < sent.since - 60_000) continue;
      sent.row.remove();
      this.#sent.delete(video);
    }
  }

  /** Show an upload that was cut off when the page was closed, and how it goes on. */
  #showLeft(left, onChoose) {
    const row = stamp("upload");
    const { name, size, sent } = left;
    row.root.dataset.state = "left";
    row.name.textContent = name;
    row.progress.value = sent / Math.max(1, size);
    row.progress.setAttribute("aria-label", `Upload of ${name}`);
    say(row.state, `Cut off at ${bytes(sent)} of ${bytes(size)}. Choose the same file again, and it goes on from there.`);
    row.cancel.hidden = true;
    row.retry.hidden = false;
    row.dismiss.hidden = false;
    row.retry.textContent = "Choose it";
    row.dismiss.textContent = "Forget it";
    for (const button of [row.retry, row.dismiss]) button.setAttribute("aria-label", `${button.textContent}: ${name}`);
    row.retry.addEventListener("click", onChoose);
    row.dismiss.addEventListener("click", () => {
      forget(left);
      row.root.remove();
    });
    this.#left.set(left.place, row.root);
    this.#list.append(row.root);
  }

  #enqueue(upload) {
    this.#queue.push(upload);
    if (!this.#isRunning) this.#work();
  }

  async #work() {
    this.#isRunning = true;
    for (let upload = this.#queue.shift(); upload; upload = this.#queue.shift()) {
      if (upload.state === "waiting") await upload.run();
    }
    this.#isRunning = false;
  }

  #show(upload) {
    const row = stamp("upload");
    const since = Date.now();
    row.name.textContent = upload.file.name;
    row.progress.setAttribute("aria-label", `Upload of ${upload.file.name}`);
    for (const name of ["cancel", "retry", "dismiss"]) {
      row[name].setAttribute("aria-label", `${row[name].textContent}: ${upload.file.name}`);
    }
    row.cancel.addEventListener("click", () => upload.cancel());
    row.dismiss.addEventListener("click", () => row.root.remove());
    row.retry.addEventListener("click", () => {
      upload.state = "waiting";
      refresh();
      this.#enqueue(upload);
    });
    const pace = new Pace();
    const refresh = () => {
      render(upload, row, pace);
      const part = this.progress;
      document.title = part === null ? this.#title : `${Math.floor(100 * part)} % · ${this.#title}`;
    };
    this.#shown.add(upload);
    upload.addEventListener("change", () => {
      refresh();
      this.#left.get(upload.memory.place)?.remove();
      if (upload.state === "sent") this.#sent.set(upload.blob, { row: row.root, since });
      if (!BUSY.has(upload.state)) announce(`${upload.file.name}: ${row.state.textContent}`);
    });
    refresh();
    this.#list.append(row.root);
  }
}

function render(upload, row, pace) {
  const { state, file, sent } = upload;
  row.root.dataset.state = state;
  row.progress.value = state === "sent" || state === "known" ? 1 : sent / Math.max(1, file.size);
  row.cancel.hidden = !BUSY.has(state);
  row.retry.hidden = state !== "failed" && state !== "cancelled";
  row.dismiss.hidden = BUSY.has(state) || state === "sent";
  say(row.state, sentence(upload, pace));
}

function sentence({ state, file, sent, problem }, pace) {
  switch (state) {
    case "waiting":
      return `${bytes(file.size)}, waits for its turn`;
    case "sending":
      if (problem) return `${problem.message} It goes on once that is over.`;
      return `${bytes(sent)} of ${bytes(file.size)}${pace.rest(sent, file.size)}`;
    case "known":
      return "This video was uploaded before; it is in the gallery.";
    case "sent":
      return "Uploaded. Its painting is about to begin.";
    case "cancelled":
      return "Cancelled.";
    default:
      return problem.message;
  }
}

/** How long the rest of an upload takes at the pace so far. */
class Pace {
  #start = null;

  rest(sent, size) {
    this.#start ??= { sent, time: performance.now() };
    const seconds = (performance.now() - this.#start.time) / 1000;
    const rate = (sent - this.#start.sent) / seconds;
    return seconds > 2 && rate > 0 ? `, ${bytes(rate)}/s, ${duration((size - sent) / rate)} left` : "";
  }
}
