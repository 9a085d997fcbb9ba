/** The page: brings the paintings, the uploads, the gallery and the viewer together. */

import { get } from "./api.js";
import { say, takeDrops } from "./dom.js";
import { unusual } from "./format.js";
import { Gallery } from "./gallery.js";
import { Styles } from "./styles.js";
import { Uploads } from "./uploads.js";
import { Viewer } from "./viewer.js";
import { isWatchable } from "./work.js";

const byId = (id) => document.getElementById(id);

const styles = new Styles();
const uploads = new Uploads(() => byId("files").click());
const viewer = new Viewer();
const gallery = new Gallery({
  open: (job) => viewer.open(job),
  onJobs: (jobs) => {
    uploads.settle(jobs);
    styles.settle(jobs);
  },
});

function takeVideos(files) {
  if (!files.length) return gallery.complain(new Error("There is no video in that folder."));
  if (!styles.chosen) return gallery.complain(new Error("Choose a painting first."));
  uploads.add(files, order());
}

/** How the videos are to be painted, as the controls stand. */
function order() {
  const strength = Number(byId("strength").value) / 100;
  const wish = { style: styles.chosen };
  if (strength < 1) wish.strength = strength;
  if (byId("preserve-colour").checked) wish.preserve_colour = true;
  if (byId("matroska").checked) wish.container = "mkv";
  return wish;
}

/** Say how videos are painted also where the controls are folded away: they stay as they were set. */
function tellOrder() {
  const said = unusual(order());
  say(byId("options-said"), said.length ? `: ${said.join(", ")}` : "");
}

/** Open what the address names, as after a reload. */
async function openFromAddress() {
  if (location.hash.length < 2 || location.hash === "#gallery") return;
  const job = await get(`api/jobs/${encodeURIComponent(location.hash.slice(1))}`).catch(() => null);
  if (job && isWatchable(job)) viewer.open(job);
}

byId("files").addEventListener("change", ({ target }) => {
  takeVideos([...target.files]);
  target.value = "";
});
byId("strength").addEventListener("input", ({ target }) => {
  byId("strength-value").textContent = `${target.value} %`;
});
byId("studio").addEventListener("change", tellOrder);
byId("studio").addEventListener("submit", (event) => event.preventDefault());
takeDrops(byId("drop"), takeVideos);
// A file that is dropped beside the easel must not replace the page.
for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => uploads.areBusy && event.preventDefault());

// Browsers remember over a reload how the controls were set.
tellOrder();
styles.refresh();
gallery.start();
openFromAddress();
