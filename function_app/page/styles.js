/** The paintings to choose from. */

import { get, remove } from "./api.js";
import { announce, say, stamp } from "./dom.js";
import { title } from "./format.js";
import { NewPainting } from "./painting.js";
import { Picture } from "./pictures.js";
import { confirm } from "./removal.js";

const CHOICE = "atelier.style";
const LEARNING_MS = 4000;
const QUIET_MS = 60_000;
const HUES = 360;

export class Styles {
  #row = document.getElementById("styles");
  #state = document.getElementById("styles-state");
  #options = new Map();
  #newPainting = new NewPainting(() => this.refresh());
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
    return this.#row.querySelector("input:checked")?.value ?? null;
  }

  #show(styles) {
    if (this.#row.ariaBusy === "true") this.#furnish();
    for (const name of this.#options.keys()) {
      if (!styles.some((style) => style.name === name)) this.#forget(name);
    }
    // What leaves videos as they are is no painting, and comes last.
    const isPlain = ({ name }) => name === "identity";
    for (const style of [...styles].sort((one, other) => isPlain(one) - isPlain(other))) this.#update(style);
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
    const option = this.#options.get(style.name) ?? this.#add(style.name);
    const state = style.state ?? "ready";
    option.label.dataset.state = state;
    option.choice.disabled = state === "failed";
    const states = { learning: "being learnt", failed: style.message || "not learnt" };
    say(option.state, states[state] ?? nameBeside(style.name));
    option.forget.hidden = style.shipped !== false;
    say(option.forget, state === "learning" ? "Stop learning" : "Delete");
    option.forget.setAttribute("aria-label", `${option.forget.textContent} the style ${style.name}`);
    if (state === "learning" && style.job) this.#follow(option, style.job);
    else if (style.thumbnail) option.thumbnail.show(style.thumbnail);
  }

  /** Show how far a style is learnt. */
  async #follow(option, job) {
    const { frames } = await get(`api/jobs/${job}`).catch(() => ({}));
    if (!frames?.total) return;
    say(option.state, `being learnt, ${Math.floor((100 * frames.done) / frames.total)} %`);
    option.thumbnail.show(`api/jobs/${job}/preview`, frames.done);
  }

  #add(name) {
    const option = stamp("style");
    option.choice.value = name;
    option.choice.addEventListener("change", () => localStorage.setItem(CHOICE, name));
    option.title.textContent = title(name);
    option.forget.addEventListener("click", () => this.#remove(name));
    option.root.style.setProperty("--hue", hue(name));
    option.thumbnail = new Picture(option.picture, option.root);
    this.#row.lastElementChild.before(option.root);
    this.#options.set(name, option);
    return option;
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
    const { root, thumbnail } = this.#options.get(name);
    thumbnail.close();
    root.remove();
    this.#options.delete(name);
  }

  /** Choose what was chosen last; else one that Atelier comes with and that changes something. */
  #chooseOne(styles) {
    if (this.chosen) return;
    const usable = styles.filter((style) => style.state !== "failed");
    const last = localStorage.getItem(CHOICE);
    const paints = usable.filter((style) => style.name !== "identity");
    const chosen = usable.find(({ name }) => name === last) ?? paints.find(({ shipped }) => shipped) ?? paints[0];
    const name = (chosen ?? usable[0])?.name;
    if (name) this.#options.get(name).choice.checked = true;
  }

  #explain(sentence) {
    say(this.#state, sentence);
    this.#state.hidden = !sentence;
  }
}

/** The name that commands take, where the title does not say it. */
function nameBeside(name) {
  return title(name).toLowerCase() === name.toLowerCase() ? "" : name;
}

/** A colour for a style that has no picture, the same each time. */
function hue(name) {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % HUES, 7);
}
