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

/** Set a name, which may be broken where a sign joins its words, before it is broken within one. */
export function name(element, text) {
  if (element.textContent === text) return;
  const words = text.split(/(?<=[_.-])(?=[^_.-])/);
  element.replaceChildren(...words.flatMap((word) => [word, document.createElement("wbr")]));
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
  element.addEventListener("drop", async (event) => take(await filesOf(event.dataTransfer)));
}

/** Return the files that are dropped, and of folders those that lie in them however deep. */
async function filesOf({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.());
  // Files made by a script are no entries.
  if (!entries.length || entries.some((entry) => !entry)) return [...files];
  return (await Promise.all(entries.map((entry) => below(entry, false)))).flat();
}

/** Return the file of an entry; of a folder, the videos in it. */
async function below(entry, isInFolder) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return !isInFolder || isVideo(file) ? [file] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; ) {
    found.push(...some);
  }
  return (await Promise.all(found.map((each) => below(each, true)))).flat();
}

/** Whether a file that nobody picked by itself is a video, as the endings tell that the page takes. */
function isVideo({ name, type }) {
  const ending = /\.[^.]+$/.exec(name.toLowerCase())?.[0];
  const endings = document.getElementById("files").accept.split(",");
  return !name.startsWith("._") && (type.startsWith("video/") || endings.includes(ending));
}
