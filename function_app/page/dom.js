/** What the page is made of: templates of index.html, filled with text and never with HTML. */

/** Return a template's first element, and by name all its parts that are marked `data-part`. */
export function stamp(id) {
  const root = document.getElementById(id).content.firstElementChild.cloneNode(true);
  return { root, ...parts(root) };
}

/** Return the parts of an element that is in the page already, by name. */
export function parts(root) {
  const found = [root, ...root.querySelectorAll("[data-part]")];
  return Object.fromEntries(found.filter((each) => each.dataset.part).map((each) => [each.dataset.part, each]));
}

/** Set text, but leave it alone where it is the same: a screen reader would read it again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Say something to those who cannot see the page change. */
export function announce(sentence) {
  document.getElementById("announcements").textContent = sentence;
}

/** Let files be dropped on an element; `take` gets them. */
export function takeDrops(element, take) {
  const mark = (event) => {
    event.preventDefault();
    element.classList.toggle("over", event.type === "dragenter" || event.type === "dragover");
  };
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) element.addEventListener(type, mark);
  element.addEventListener("drop", (event) => take([...event.dataTransfer.files]));
}
