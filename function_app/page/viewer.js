/** Before and after: a video and its painting in step, one divider over both. */

import { get, getPicture } from "./api.js";
import { parts, say } from "./dom.js";
import { position, title } from "./format.js";
import { download } from "./work.js";
import { Pair } from "./pair.js";

export class Viewer {
  #dialog = document.getElementById("viewer");
  #part = parts(this.#dialog);
  #pair = new Pair(this.#part.after, this.#part.before, () => this.#tick());
  #job = null;

  constructor() {
    const part = this.#part;
    part.close.addEventListener("click", () => this.#dialog.close());
    part.divider.addEventListener("input", () => this.#divide());
    part.play.addEventListener("click", () => this.#pair.toggle());
    part.seek.addEventListener("input", () => this.#pair.seek(Number(part.seek.value)));
    part.mute.addEventListener("click", () => this.#mute());
    part.download.addEventListener("click", () => this.#tell(download(this.#job)));
    part.after.addEventListener("loadedmetadata", () => this.#fit());
    part.after.addEventListener("error", () => this.#explain("The painted video cannot be played here. Download it."));
    part.before.addEventListener("error", () => this.#doWithout());
    this.#dialog.addEventListener("close", () => this.#end());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
  }

  /** Show a job's two videos. */
  async open(job) {
    this.#job = job;
    const part = this.#part;
    part.title.textContent = job.name;
    part.style.textContent = `after ${title(job.style)}`;
    part.divider.value = 50;
    this.#explain("");
    this.#dialog.classList.remove("alone");
    this.#divide();
    this.#tick();
    this.#dialog.showModal();
    history.replaceState(null, "", `#${job.id}`);
    await Promise.all([this.#load(part.after, "result"), this.#load(part.before, "source")]);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.#pair.play();
  }

  async #load(video, kind) {
    const { id } = this.#job;
    try {
      const { url } = await get(`api/jobs/${id}/${kind}`);
      if (this.#job?.id === id) video.src = url;
    } catch (error) {
      if (video === this.#part.before) this.#doWithout();
      else this.#explain(error.message);
    }
  }

  /** The browser plays fewer kinds of video than Atelier paints: a few frames tell how it was. */
  async #doWithout() {
    const job = this.#job;
    if (!job || this.#dialog.classList.contains("alone")) return;
    this.#pair.leaveFollower();
    this.#dialog.classList.add("alone");
    this.#explain("This browser cannot play the video as it was; this is the painted one alone.");
    const url = await getPicture(`api/jobs/${job.id}/sheet`).catch(() => null);
    if (!url || this.#job !== job) return;
    this.#part.sheet.src = url;
    this.#part.sheet.hidden = false;
  }

  #fit() {
    const { videoWidth, videoHeight } = this.#part.after;
    this.#part.stage.style.setProperty("--width", videoWidth);
    this.#part.stage.style.setProperty("--height", videoHeight);
    this.#tick();
  }

  #divide() {
    const { divider, stage } = this.#part;
    stage.style.setProperty("--at", divider.value / 100);
    divider.setAttribute("aria-valuetext", `${Math.round(divider.value)} % as it was`);
  }

  #mute() {
    const { after, mute } = this.#part;
    after.muted = !after.muted;
    mute.setAttribute("aria-pressed", String(after.muted));
  }

  #tick() {
    const { play, seek, time } = this.#part;
    const { isPlaying, position: now, duration: end } = this.#pair;
    play.classList.toggle("playing", isPlaying);
    play.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    seek.max = end || 1;
    seek.value = now;
    seek.setAttribute("aria-valuetext", `${position(now)} of ${position(end)}`);
    say(time, `${position(now)} / ${position(end)}`);
  }

  async #tell(deed) {
    try {
      await deed;
    } catch (error) {
      this.#explain(error.message);
    }
  }

  #explain(sentence) {
    say(this.#part.note, sentence);
  }

  #end() {
    this.#job = null;
    this.#pair.empty();
    this.#part.sheet.hidden = true;
    URL.revokeObjectURL(this.#part.sheet.src);
    history.replaceState(null, "", location.pathname + location.search);
  }
}
