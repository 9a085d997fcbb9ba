/** A new painting: the dialog that uploads its picture, from which the style is learnt. */

import { post } from "./api.js";
import { announce, parts, takeDrops } from "./dom.js";
import { title } from "./format.js";
import { Upload } from "./upload.js";

const PICTURE = /^image\/(jpeg|png)$/;

export class NewPainting {
  #dialog = document.getElementById("ask-painting");
  #part = parts(this.#dialog);
  #onLearning;
  #file = null;
  #upload = null;
  #replaced = null;
  #isNamed = false;

  /** Args: what to do, with the style's name and the file, once the painting is there. */
  constructor(onLearning) {
    this.#onLearning = onLearning;
    const part = this.#part;
    part.file.addEventListener("change", () => this.#take(part.file.files[0]));
    takeDrops(part.drop, ([file]) => this.#take(file));
    part.name.addEventListener("input", () => {
      this.#isNamed = part.name.value !== "";
      this.#offerToReplace(null);
    });
    part.leave.addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#upload?.cancel());
    this.#dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#learn();
    });
  }

  ask() {
    const part = this.#part;
    this.#file = null;
    part.name.value = "";
    this.#isNamed = false;
    this.#offerToReplace(null);
    part.file.value = "";
    part.picture.hidden = true;
    part.word.hidden = false;
    this.#explain("");
    this.#dialog.showModal();
  }

  #take(file) {
    if (!file) return;
    const part = this.#part;
    this.#file = file;
    if (!this.#isNamed) part.name.value = nameOf(file);
    this.#offerToReplace(null);
    part.picture.hidden = !PICTURE.test(file.type);
    part.word.hidden = !part.picture.hidden;
    if (part.picture.src) URL.revokeObjectURL(part.picture.src);
    if (part.picture.hidden) part.word.textContent = file.name;
    else part.picture.src = URL.createObjectURL(file);
    this.#explain("");
  }

  async #learn() {
    const [file, name] = [this.#file, this.#part.name.value.trim()];
    if (!file) return this.#explain("Choose the picture of a painting first.");
    const wish = { name, filename: file.name, bytes: file.size, replace: this.#replaced === name };
    this.#upload = new Upload(file, () => post("api/styles", wish));
    this.#upload.addEventListener("change", () => this.#show());
    await this.#upload.run();
    if (!["sent", "known"].includes(this.#upload.state)) return;
    announce(`${title(name)} is being learnt.`);
    this.#dialog.close();
    this.#onLearning(name, file);
  }

  #show() {
    const { progress, learn } = this.#part;
    const { state, sent, file, problem } = this.#upload;
    progress.hidden = state !== "sending";
    progress.value = sent / Math.max(1, file.size);
    learn.disabled = state === "sending";
    if (state === "failed") this.#explain(problem.message);
    if (state === "failed" && problem.code === "style-exists") this.#offerToReplace(this.#part.name.value.trim());
  }

  /** Ask whether the style that has the name is to go: the button says so until the name is another. */
  #offerToReplace(name) {
    this.#replaced = name;
    this.#part.learn.textContent = name === null ? "Learn it" : "Replace it";
  }

  #explain(sentence) {
    this.#part.problem.textContent = sentence;
    this.#part.problem.hidden = !sentence;
  }
}

/** "starry-night" of the file "Starry Night.jpg". */
function nameOf(file) {
  const stem = file.name.replace(/\.[^.]+$/, "").toLowerCase();
  return stem.replaceAll(/[^\p{L}\p{N}_]+/gu, "-").replaceAll(/^-+|-+$/g, "");
}
