// What is looked at stands in the address after '#', so that a copied address shows the same.
const NAMES = [
  "map", "colour", "scale", "clip", "only", "hide", "zoom", "id", "of", "period", "by", "to", "contrast", "here", "there", "where", "select", "queue", "how", "x", "y", "log", "size",
  "compare", "with", "power", "smooth", "lines", "at", "rest", "whole", "stretch", "black", "white",
] as const;
export type View = Record<(typeof NAMES)[number], string>;

// How one object is drawn: the next one is drawn plainly.
const OF_OBJECT = ["period", "power", "smooth", "lines", "at", "rest", "whole", "stretch", "black", "white"] as const;
export const PLAINLY: Partial<View> = Object.fromEntries(OF_OBJECT.map((name) => [name, ""]));

// What is drawn as the address tells, and tells the address.
export interface Addressed { view: Partial<View>; change: (part: Partial<View>) => void }
// What has no address, such as a file of one's own.
export const NOWHERE: Addressed = { view: {}, change: () => undefined };

export const STRETCHES = ["linear", "asinh", "log"];
export const WIDEST = 51; // pixels of smoothing
const one = (...values: string[]) => (text: string) => values.includes(text);
const percentile = (text: string) => Number(text) >= 0 && Number(text) <= 100;
const FITS: Partial<Record<keyof View, (text: string) => boolean>> = {
  power: one("yes"), rest: one("yes"), whole: one("yes"), lines: one("none"), at: one("expected"), stretch: one(...STRETCHES), black: percentile, white: percentile,
  smooth: (text) => /^[0-9]+$/.test(text) && Number(text) % 2 === 1 && Number(text) > 1 && Number(text) <= WIDEST,
};

export function readView(): Partial<View> {
  const found = new URLSearchParams(location.hash.slice(1));
  const view: Partial<View> = {};
  for (const name of NAMES) {
    const value = found.get(name);
    if (value && (FITS[name]?.(value) ?? true)) view[name] = value;
  }
  for (const name of ["here", "there"] as const) if (view[name]) view[name] = weighed(view[name]);
  return view;
}

// A weight as its slider has it, from 0 to 1; what is no number is as if it were not there.
function weighed(text: string): string {
  const value = Number(text);
  return Number.isNaN(value) || value >= 1 ? "" : String(Math.max(value, 0));
}

export function writeView(view: Partial<View>, step = false): void {
  const said = new URLSearchParams();
  for (const name of NAMES) if (view[name]) said.set(name, view[name]);
  const address = `${location.pathname}${location.search}#${said}`;
  if (`#${said}` === location.hash) return;
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}
