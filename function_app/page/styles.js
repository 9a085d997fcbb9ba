/** The paintings to choose from: each shows itself and, at a look, what it does to a video. */

import { get, remove } from "./api.js";
import { announce, say, stamp } from "./dom.js";
import { duration, title } from "./format.js";
import { NewPainting } from "./painting.js";
import { Picture } from "./pictures.js";
import { confirm } from "./removal.js";
import { isWatchable } from "./work.js";

const CHOICE = "atelier.style";
const LEARNING_MS = 4000;
const QUIET_MS = 60_000;
const PREVIEW_MS = 20_000;
const HUES = 360;

export class Styles {
  #row = document.getElementById("styles");
  #state = document.getElementById("styles-state");
  #options = new Map();
  #plain = document.getElementById("plain-styles");
  #more = document.getElementById("more-styles");
  #lastWork = null;
  #lastWorks = new Map();
  #newPainting = new NewPainting((name, file) => this.#learn(name, file));
  #timer = null;

  /** Load the styles, and again while one is learnt. */
  async refresh() {
    clearTimeout(this.#timer);
    let wait = QUIET_MS;
    try {
      const { styles } = await get("api/styles");
      this.#show(styles);
      if (styles.some((style) => style.state === "learning")) wait = LEARNING_MS;
    } catch (error) {
      this.#explain(error.message);
      wait = LEARNING_MS;
    }
    this.#timer = setTimeout(() => this.refresh(), wait);
  }

  /** The name of the style that is chosen, or null. */
  get chosen() {
    return document.querySelector("input[name=style]:checked")?.value ?? null;
  }

  /** Take note of the jobs that there are, newest first: people's own videos show best what a style does. */
  settle(jobs) {
    const works = jobs.filter(isWatchable);
    this.#lastWork = works[0] ?? this.#lastWork;
    for (const job of works.reverse()) this.#lastWorks.set(job.style, job);
    for (const option of this.#options.values()) {
      if (option.label.matches(":hover, :focus-within")) this.#showEffect(option);
    }
  }

  #show(styles) {
    if (this.#row.ariaBusy === "true") this.#furnish();
    for (const name of this.#options.keys()) {
      if (!styles.some((style) => style.name === name)) this.#forget(name);
    }
    for (const style of styles) this.#update(style);
    this.#more.hidden = !this.#plain.hasChildNodes();
    this.#chooseOne(styles);
    this.#explain(styles.length ? "" : "There is no style yet: drop a painting to have one learnt.");
  }

  #furnish() {
    const { root, open } = stamp("new-style");
    open.addEventListener("click", () => this.#newPainting.ask());
    this.#row.replaceChildren(root);
    this.#row.ariaBusy = "false";
  }

  #update(style) {
    const option = this.#options.get(style.name) ?? this.#add(style);
    const [was, state] = [option.style?.state, style.state];
    option.style = style;
    option.label.dataset.state = state;
    option.choice.disabled = state === "failed";
    const states = { learning: "being learnt", failed: style.message || "not learnt" };
    if (state !== "learning" || was !== state) say(option.state, states[state] ?? nameBeside(style.name));
    option.progress.hidden = state !== "learning";
    option.forget.hidden = style.shipped !== false;
    say(option.forget, state === "learning" ? "Stop learning" : "Delete");
    option.forget.setAttribute("aria-label", `${option.forget.textContent} the style ${style.name}`);
    const picture = style.painting ?? style.thumbnail;
    if (was === "learning" && state !== was) option.learnt += 1;
    if (picture) option.face.show(picture, option.learnt);
    if (state === "learning" && style.job) this.#follow(option, style.job);
    else if (was === "learning") this.#showEffect(option);
  }

  /** Show how far a style is learnt, how long that goes on, and what it looks like so far. */
  async #follow(option, job) {
    const { frames, eta_s: eta } = await get(`api/jobs/${job}`).catch(() => ({}));
    if (option.label.dataset.state !== "learning") return;
    option.progress.setAttribute("aria-label", `Learning ${option.style.name}`);
    if (!frames?.total) return option.progress.removeAttribute("value");
    option.progress.value = frames.done / frames.total;
    const left = eta == null ? "" : `, ${duration(eta)} left`;
    say(option.state, `being learnt, ${Math.floor((100 * frames.done) / frames.total)} %${left}`);
    say(option.effectWord, "So far");
    option.effect.show(`api/jobs/${job}/preview`, Math.floor(Date.now() / PREVIEW_MS));
  }

  #add(style) {
    const { name } = style;
    const option = { ...stamp("style"), learnt: 0 };
    option.choice.value = name;
    option.choice.addEventListener("change", () => localStorage.setItem(CHOICE, name));
    option.title.textContent = title(name);
    option.forget.addEventListener("click", () => this.#remove(name));
    option.root.style.setProperty("--hue", hue(name));
    option.face = new Picture(option.picture, option.label);
    option.effect = new Picture(option.painted, option.root);
    for (const type of ["pointerenter", "focusin", "change"]) {
      option.label.addEventListener(type, () => this.#showEffect(option));
    }
    if (isPainting(style)) this.#row.lastElementChild.before(option.root);
    else this.#plain.append(option.root);
    this.#options.set(name, option);
    return option;
  }

  /** Show what a style does: to the last video, else to the last that was painted in it, else to the sample. */
  #showEffect(option) {
    const { style } = option;
    if (style.state === "learning") return;
    const [last, own] = [this.#lastWork, this.#lastWorks.get(style.name)];
    const choose = (path, word) => ({ path, tell: () => say(option.effectWord, word) });
    const choices = [];
    if (last && last !== own) choices.push(choose(`api/jobs/${last.id}/swatches/${encodeURIComponent(style.name)}`, last.name));
    if (own) choices.push(choose(`api/jobs/${own.id}/poster`, own.name));
    if (style.thumbnail) choices.push(choose(style.thumbnail, "A sample"));
    option.effect.showFirst(choices, option.learnt);
  }

  /** Show a painting that was chosen on this page, which is not learnt yet. */
  async #learn(name, file) {
    await this.refresh();
    const option = this.#options.get(name);
    if (option && file.type.startsWith("image/")) option.face.take(URL.createObjectURL(file));
  }

  /** Ask, then delete a style or end its making. */
  async #remove(name) {
    const what = "Videos that wait for it fail; those that are painted in it stay.";
    if (!(await confirm("Delete this style?", `${title(name)}: ${what}`))) return;
    try {
      await remove(`api/styles/${encodeURIComponent(name)}`);
      announce(`${title(name)} is deleted.`);
      await this.refresh();
    } catch (error) {
      this.#explain(error.message);
    }
  }

  #forget(name) {
    const { root, face, effect } = this.#options.get(name);
    face.close();
    effect.close();
    root.remove();
    this.#options.delete(name);
  }

  /** Choose what was chosen last; else one that Atelier comes with and that changes something. */
  #chooseOne(styles) {
    if (this.chosen) return;
    const usable = styles.filter((style) => style.state !== "failed");
    const last = localStorage.getItem(CHOICE);
    const paints = usable.filter(isPainting);
    const chosen = usable.find(({ name }) => name === last) ?? paints.find(({ shipped }) => shipped) ?? paints[0];
    const name = (chosen ?? usable[0])?.name;
    if (!name) return;
    const { choice } = this.#options.get(name);
    choice.checked = true;
    if (this.#plain.contains(choice)) this.#more.open = true;
  }

  #explain(sentence) {
    say(this.#state, sentence);
    this.#state.hidden = !sentence;
  }
}

/** Whether a style paints: not what leaves videos as they are, nor what makes lines of them. */
function isPainting({ name, kind }) {
  return name !== "identity" && kind !== "lines";
}

/** The name that commands take, where the title does not say it. */
function nameBeside(name) {
  return title(name).toLowerCase() === name.toLowerCase() ? "" : name;
}

/** A colour for a style that has no picture, the same each time. */
function hue(name) {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % HUES, 7);
}
