/** The question that is asked before something is deleted. */

import { parts } from "./dom.js";

/** Ask whether a job and its painted video may go; resolves to true or false. */
export function confirmRemoval({ name, result }) {
  const what = result ? "The painted video goes with it" : "Its report goes with it";
  return confirm("Delete this work?", `${name}: ${what}; the upload stays.`);
}

/** Ask whether something may be deleted; resolves to true or false. */
export function confirm(title, sentence) {
  const dialog = document.getElementById("ask-removal");
  const part = parts(dialog);
  part.title.textContent = title;
  part.sentence.textContent = sentence;
  dialog.returnValue = "keep";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "remove"), { once: true });
    dialog.showModal();
  });
}
