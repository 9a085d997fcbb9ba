/** The question that is asked before something is deleted. */

import { parts } from "./dom.js";

/** Ask whether a job and its painted video may go; resolves to true or false. */
export function confirmRemoval({ name, result }) {
  const dialog = document.getElementById("ask-removal");
  const what = result ? "The painted video goes with it" : "Its report goes with it";
  parts(dialog).sentence.textContent = `${name}: ${what}; the upload stays.`;
  dialog.returnValue = "keep";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "remove"), { once: true });
    dialog.showModal();
  });
}
