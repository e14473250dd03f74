// What is looked at stands in the address after '#', so that a copied address shows the same.
export interface View { map: string; colour: string; id: string; period: string; by: string; to: string; contrast: string; where: string; select: string; queue: string; how: string; x: string; y: string; log: string; size: string }
const NAMES: (keyof View)[] = ["map", "colour", "id", "period", "by", "to", "contrast", "where", "select", "queue", "how", "x", "y", "log", "size"];

export function readView(): Partial<View> {
  const found = new URLSearchParams(location.hash.slice(1));
  const view: Partial<View> = {};
  for (const name of NAMES) {
    const value = found.get(name);
    if (value) view[name] = value;
  }
  return view;
}

export function writeView(view: Partial<View>, step = false): void {
  const said = new URLSearchParams();
  for (const name of NAMES) if (view[name]) said.set(name, view[name] as string);
  const address = `${location.pathname}${location.search}#${said}`;
  if (`#${said}` === location.hash) return;
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}
