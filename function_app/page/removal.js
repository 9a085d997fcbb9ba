/** The question that is asked before something is deleted. */

import { remove } from "./api.js";
import { parts } from "./dom.js";

/** Ask whether a job and its painted video may go; resolves as `confirm` does. */
export function confirmRemoval({ name, status, result }) {
  const without = status === "Failed" ? "Its report goes with it" : "Nothing was painted of it";
  const what = result ? "The painted video goes with it" : without;
  return confirm("Delete this work?", `${name}: ${what}.`, { offersUpload: true });
}

/**
 * Ask whether something may be deleted; resolves to false or {upload}.
 *
 * `upload` tells whether what was uploaded is to go, too; that is asked where `offersUpload` says so.
 */
export function confirm(title, sentence, { offersUpload = false } = {}) {
  const dialog = document.getElementById("ask-removal");
  const part = parts(dialog);
  part.title.textContent = title;
  part.sentence.textContent = sentence;
  part.offer.hidden = !offersUpload;
  part.upload.checked = false;
  dialog.returnValue = "keep";
  return new Promise((resolve) => {
    const answer = () => resolve(dialog.returnValue === "remove" && { upload: part.upload.checked });
    dialog.addEventListener("close", answer, { once: true });
    dialog.showModal();
  });
}

/** Delete a job that has ended, and what was uploaded for it where `upload` says so. */
export function removeJob({ id }, { upload }) {
  return remove(`api/jobs/${id}${upload ? "?upload=true" : ""}`);
}
