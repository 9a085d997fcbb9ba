/** Two videos in step: one leads, the other follows it. */

const FAR_S = 0.25;
const NEAR_S = 0.01;
const MOST_CORRECTION = 0.1;
const ROUNDING = 1e-6;
const ENOUGH = HTMLMediaElement.HAVE_FUTURE_DATA;

export class Pair {
  #leader;
  #follower;
  #onTick;
  #isWanted = false;
  #hasFollower = true;

  /** How many frames the leader has; 0 where that is not known. */
  frames = 0;

  /** Args: the video that is heard, the one that follows, and what to do at each step. */
  constructor(leader, follower, onTick) {
    [this.#leader, this.#follower, this.#onTick] = [leader, follower, onTick];
    leader.addEventListener("ended", () => this.pause());
    for (const type of ["seeked", "durationchange"]) leader.addEventListener(type, () => onTick());
  }

  get isPlaying() {
    return this.#isWanted;
  }

  get position() {
    return this.#leader.currentTime || 0;
  }

  get duration() {
    return Number.isFinite(this.#leader.duration) ? this.#leader.duration : 0;
  }

  toggle() {
    if (this.#isWanted) this.pause();
    else this.play();
  }

  play() {
    if (this.#leader.ended) this.seek(0);
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#step();
  }

  pause() {
    this.#isWanted = false;
    for (const video of this.#both()) video.pause();
    this.#follower.currentTime = this.#leader.currentTime;
    this.#onTick();
  }

  seek(seconds) {
    for (const video of this.#both()) video.currentTime = seconds;
    this.#onTick();
  }

  /** Stand still, and go so many frames on, or back where it is less than 0. */
  step(frames) {
    this.pause();
    const length = this.duration / this.frames;
    if (!Number.isFinite(length)) return;
    const now = Math.floor(this.position / length + ROUNDING);
    // The middle of a frame is in no other, however times are rounded.
    const wanted = Math.max(0, Math.min(this.frames - 1, now + frames));
    this.seek((wanted + 0.5) * length);
  }

  /** Go on without the follower, which cannot be played. */
  leaveFollower() {
    this.#hasFollower = false;
  }

  /** Stop, and be ready for two others. */
  empty() {
    this.pause();
    for (const video of [this.#leader, this.#follower]) {
      video.removeAttribute("src");
      video.load();
    }
    this.#hasFollower = true;
  }

  #both() {
    return this.#hasFollower ? [this.#leader, this.#follower] : [this.#leader];
  }

  /** Run both while both can; hold both while one must wait for data. */
  async #step() {
    if (!this.#isWanted) return;
    const canRun = this.#both().every((video) => video.readyState >= ENOUGH || video.ended);
    try {
      if (canRun) await this.#run();
      else this.#hold();
    } catch (error) {
      // Browsers refuse sound before the first click; whoever presses play has clicked.
      if (error.name === "NotAllowedError") return this.pause();
      if (error.name !== "AbortError") throw error;
    }
    this.#onTick();
    requestAnimationFrame(() => this.#step());
  }

  async #run() {
    await Promise.all(this.#both().filter((video) => video.paused && !video.ended).map((video) => video.play()));
    if (this.#hasFollower && !this.#leader.ended) this.#align();
  }

  #hold() {
    for (const video of this.#both()) video.pause();
  }

  /** Bring the follower to the leader: by its pace where it is near, by a jump where it is far. */
  #align() {
    const ahead = this.#follower.currentTime - this.#leader.currentTime;
    if (Math.abs(ahead) > FAR_S) this.#follower.currentTime = this.#leader.currentTime;
    const correction = Math.abs(ahead) < NEAR_S ? 0 : Math.max(-MOST_CORRECTION, Math.min(MOST_CORRECTION, ahead));
    this.#follower.playbackRate = 1 - correction;
  }
}
