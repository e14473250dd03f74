// What is looked at stands in the address after '#', so that a copied address shows the same.
const NAMES = [
  "map", "colour", "scale", "clip", "only", "hide", "zoom", "id", "of", "period", "by", "to", "contrast", "here", "there", "where", "select", "queue", "how", "x", "y", "log", "size",
] as const;
export type View = Record<(typeof NAMES)[number], string>;

export function readView(): Partial<View> {
  const found = new URLSearchParams(location.hash.slice(1));
  const view: Partial<View> = {};
  for (const name of NAMES) {
    const value = found.get(name);
    if (value) view[name] = value;
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
