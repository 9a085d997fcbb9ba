/** Numbers, names and times as people read them. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const AGES = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** "12.3 MB" of a number of bytes. */
export function bytes(count) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
}

/** "40 s", "3 min", "1 h 20 min" of a number of seconds. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest ? ` ${rest} min` : ""}`;
}

/** "1:05" of a position in a video, in seconds. */
export function position(seconds) {
  const whole = Math.floor(seconds || 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** "3 minutes ago" of a moment in ISO 8601. */
export function age(moment) {
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  const [unit, size] = AGES.find(([, least]) => seconds >= least) ?? [];
  return unit ? ago.format(-Math.floor(seconds / size), unit) : "just now";
}

/** "€0.12" of an amount of money. */
export function money(amount, currency) {
  const digits = amount && amount < 0.1 ? 3 : 2;
  const options = { style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: digits };
  return new Intl.NumberFormat("en", options).format(amount);
}

/** "Starry night" of the style `starry_night`, "Composition VII" of `composition_vii`. */
export function title(style) {
  const words = style.replaceAll(/[-_]+/g, " ").trim().replace(/ [ivx]+$/, (numeral) => numeral.toUpperCase());
  return words ? words[0].toUpperCase() + words.slice(1) : style;
}

/** "after Scream, at 60 %" of how a job paints. */
export function manner({ style, options }) {
  return [`after ${title(style)}`, ...unusual(options)].join(", ");
}

/** "at 60 %", "as Matroska" of what somebody has chosen; what is usual is left out. */
export function unusual(options) {
  const { strength = 1, preserve_colour: keepsColours, container } = options ?? {};
  return [
    strength < 1 && `at ${Math.round(100 * strength)} %`,
    keepsColours && "in the video's own colours",
    container === "mkv" && "as Matroska",
  ].filter(Boolean);
}
