/** Before and after: a video and its painting in step, one divider over both. */

import { get, getPicture } from "./api.js";
import { name, parts, say } from "./dom.js";
import { manner, position } from "./format.js";
import { download } from "./work.js";
import { Pair } from "./pair.js";

export class Viewer {
  #dialog = document.getElementById("viewer");
  #part = parts(this.#dialog);
  #pair = new Pair(this.#part.after, this.#part.before, () => this.#tick());
  #job = null;
  #hasProxy = null;

  constructor() {
    const part = this.#part;
    part.close.addEventListener("click", () => this.#dialog.close());
    part.divider.addEventListener("input", () => this.#divide());
    part.play.addEventListener("click", () => this.#pair.toggle());
    part.seek.addEventListener("input", () => this.#pair.seek(Number(part.seek.value)));
    part.mute.addEventListener("click", () => this.#mute());
    part.back.addEventListener("click", () => this.#pair.step(-1));
    part.on.addEventListener("click", () => this.#pair.step(1));
    part.zoom.addEventListener("click", () => this.#zoom());
    part.full.addEventListener("click", () => this.#fill());
    part.full.hidden = !document.fullscreenEnabled;
    part.room.addEventListener("fullscreenchange", () => press(part.full, Boolean(document.fullscreenElement)));
    this.#dialog.addEventListener("keydown", (event) => this.#obey(event));
    part.download.addEventListener("click", () => this.#tell(download(this.#job)));
    part.after.addEventListener("loadedmetadata", () => this.#fit());
    part.after.addEventListener("error", () => this.#explain("The painted video cannot be played here. Download it."));
    part.before.addEventListener("error", () => this.#takeProxy());
    this.#dialog.addEventListener("close", () => this.#end());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
  }

  /** Show a job's two videos. */
  async open(job) {
    this.#job = job;
    this.#pair.frames = job.frames?.total ?? 0;
    const part = this.#part;
    name(part.title, job.name);
    part.title.title = job.name;
    part.style.textContent = manner(job);
    part.divider.value = 50;
    this.#hasProxy = null;
    this.#zoom(false);
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
      if (video === this.#part.before) this.#takeProxy();
      else this.#explain(error.message);
    }
  }

  /** The browser plays fewer kinds of video than Atelier paints: of those there is a small copy. */
  #takeProxy() {
    if (!this.#job) return;
    if (this.#hasProxy !== null) return this.#doWithout();
    this.#hasProxy = true;
    this.#load(this.#part.before, "before");
  }

  /** Where there is no copy, a few frames tell how it was. */
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
    press(mute, after.muted);
  }

  /** Show a pixel of the video on one of the screen, around the middle; or the whole video. */
  #zoom(isWanted = !this.#dialog.classList.contains("zoomed")) {
    const { zoom, window: pane, stage } = this.#part;
    stage.style.setProperty("--ratio", devicePixelRatio);
    this.#dialog.classList.toggle("zoomed", isWanted);
    press(zoom, isWanted);
    pane.scrollTo((pane.scrollWidth - pane.clientWidth) / 2, (pane.scrollHeight - pane.clientHeight) / 2);
  }

  #fill() {
    const done = document.fullscreenElement ? document.exitFullscreen() : this.#part.room.requestFullscreen();
    this.#tell(done);
  }

  /** Do what a key says. Space presses the button that has the focus, and plays anywhere else. */
  #obey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const part = this.#part;
    const isOnButton = event.target instanceof HTMLButtonElement;
    const buttons = { ",": part.back, ".": part.on, f: part.full, m: part.mute, z: part.zoom, " ": isOnButton ? null : part.play };
    const button = buttons[event.key];
    if (!button) return;
    event.preventDefault();
    button.click();
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
    if (document.fullscreenElement) document.exitFullscreen();
    this.#pair.empty();
    this.#part.sheet.hidden = true;
    URL.revokeObjectURL(this.#part.sheet.src);
    history.replaceState(null, "", location.pathname + location.search);
  }
}

function press(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}
