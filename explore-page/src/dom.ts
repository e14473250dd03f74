// Elements are made from text alone, never from markup: names of objects and classes come from
// files of anybody's.
type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

// Controls and marks of direction are written out, so that a name looks like no other.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

export function shown(text: string): string {
  return text.replace(UNSEEN, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  const there = children.filter((child): child is Node | string => !!child);
  made.append(...there.map((child) => (typeof child === "string" ? shown(child) : child)));
  return made;
}

export function byId<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as T;
}

// Whether this is a still copy, which no program answers.
export function isStill(): boolean {
  return !!document.documentElement.dataset["still"];
}

// What stands beside the map: one thing, or nothing that has a name.
export function stands(kind: "id" | "selected" | "file" | "queues" | null, value = ""): void {
  const { dataset } = byId("side");
  for (const mark of ["id", "selected", "file", "queues"]) delete dataset[mark];
  if (kind) dataset[kind] = value;
}

// Say what is under way, until the caller shows what came of it. It shows nothing where that was
// refused, or where another question was asked meanwhile, whose answer may be a refusal.
export async function waiting<T>(into: HTMLElement, text: string, what: () => Promise<T>): Promise<T> {
  const said = el("p", { role: "status" }, text);
  into.replaceChildren(said);
  try {
    return await what();
  } finally {
    said.textContent = "There is nothing to show.";
  }
}

export function choice(
  label: string,
  options: { value: string; text: string; group?: string }[],
  value: string,
  chosen: (value: string) => void,
): HTMLLabelElement {
  const select = el("select", { change: () => chosen(select.value), "aria-label": label });
  const groups = new Map<string, HTMLElement>();
  for (const option of options) {
    const made = el("option", { value: option.value }, option.text);
    made.selected = option.value === value;
    let parent: HTMLElement = select;
    if (option.group) {
      parent = groups.get(option.group) ?? el("optgroup", { label: option.group });
      if (!groups.has(option.group)) select.append(parent);
      groups.set(option.group, parent);
    }
    parent.append(made);
  }
  return el("label", { class: "choice" }, el("span", {}, label), select);
}

// A value of a catalogue, with every digit that it has.
export function exact(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}

// A number that was measured or drawn here, shortened to be read.
export function number(value: unknown, digits = 7): string {
  if (typeof value !== "number") return value === null || value === undefined ? "" : String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 10 ** Math.max(7, digits))) return value.toExponential(digits > 7 ? digits - 1 : Math.min(4, digits - 1)).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(digits)));
}

// A number in so many digits at most.
export const short = (value: number | null, digits = 4) => (value === null ? "" : number(Number(value.toPrecision(digits)), Math.max(digits, 7)));

// The title of an observation, with its column where the survey has several of the kind.
export const titled = (name: string, { column }: { column: string }) => (column ? `${name}: ${column}` : name);
