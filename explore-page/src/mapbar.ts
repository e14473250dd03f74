// What stands above the map: which view, its colour and size, and selecting from it.
import type { Paint, Part, Survey } from "./api";
import { completed } from "./complete";
import { byId, choice, el, isStill } from "./dom";
import type { SkyMap } from "./map";
import type { By, Mode, Selection } from "./selection";
import type { Place } from "./space";
import type { View } from "./state";

export interface Bar {
  survey: Survey;
  view: () => Partial<View>;
  change: (part: Partial<View>, step?: boolean) => void;
  map: SkyMap;
  selection: Selection;
  redraw: () => void;
  guarded: (what: () => Promise<void>) => Promise<void>;
}

const SKY: Record<string, string> = { "sky:galactic": "galactic", "sky:equatorial": "equatorial" };
const BY: [By, string, string][] = [
  ["condition", "where", "period < 1 and label == 'EW'"], ["cone", "cone", "RA DEC RADIUS: 285.8 11.1 0.5"],
  ["names", "ids", "names, between commas or pasted"], ["class", "class", "EW"], ["predicted class", "predicted", "EW"],
];

export const isView = (name: string) => name === "scatter" || name in SKY;

// The view that the address tells; what is not there becomes the last map.
export function placeOf(survey: Survey, view: Partial<View>): Place | null {
  const name = view.map ?? "";
  if (SKY[name]) return { kind: "sky", frame: SKY[name] };
  if (name === "scatter") {
    const numbers = survey.columns.filter((column) => column.number).map((column) => column.name);
    const liked = (value: string | undefined, fallback: number) => (value && numbers.includes(value) ? value : numbers[Math.min(fallback, numbers.length - 1)] ?? "");
    const own = survey.columns.filter(({ group, number, name: column }) => group === "catalogue" && number && column !== "ra" && column !== "dec").map((column) => column.name);
    return { kind: "scatter", x: liked(view.x ?? own[0], 0), y: liked(view.y ?? own[1], 1), log: view.log ?? "" };
  }
  const known = survey.maps.map((map) => map.name);
  if (!known.length) {
    const numbers = survey.columns.filter((column) => column.number).map((column) => column.name);
    if (numbers.includes("ra") && numbers.includes("dec")) return { kind: "sky", frame: "equatorial" };
    return numbers.length > 1 ? placeOf(survey, { ...view, map: "scatter" }) : null;
  }
  return { kind: "map", name: known.includes(name) ? name : known.at(-1)! };
}

export function mapBar(bar: Bar): void {
  const { survey, change, map, selection, redraw, guarded } = bar;
  const view = bar.view();
  const groups: Record<string, string> = { run: "Run", classifier: "Classifier", discoveries: "Discoveries", catalogue: "Catalogue" };
  const option = (paint: Paint) => ({ value: paint.name, text: paint.unit ? `${paint.name} [${paint.unit}]` : paint.name, group: groups[paint.group] });
  const maps = survey.maps.map(({ name, objects }) => ({ value: name, text: `${name} (${objects.toLocaleString("en")})`, group: "Maps of the embeddings" }));
  const views = [["sky:galactic", "sky, galactic"], ["sky:equatorial", "sky, equatorial"], ["scatter", "two columns"]].map(([value, text]) => ({ value: value!, text: text!, group: "Views" }));
  const still = isStill(); // a copy has maps alone
  const again = (part: Partial<View>) => { change(part); mapBar(bar); redraw(); };
  const parts: HTMLElement[] = [
    choice("map", still ? maps : [...maps, ...views], view.map ?? "", (name) => again({ map: name, zoom: "" })),
    choice("colour", survey.columns.map(option), view.colour ?? "", (name) => {
      const plain = { scale: "", clip: "", only: "" }; // of another column they would mislead
      change({ colour: name, ...plain });
      void guarded(async () => { await map.colour(name, plain); });
    }),
  ];
  const place = placeOf(survey, view);
  if (place?.kind === "scatter") {
    const numbers = survey.columns.filter(({ number }) => number).map(option);
    const tick = (mark: string, text: string, says: string) => {
      const box = el("input", { type: "checkbox", "aria-label": says, change: () => again({ zoom: "", log: ["x", "y", "v"].filter((one) => (one === mark ? box.checked : place.log.includes(one))).join("") }) });
      box.checked = place.log.includes(mark);
      return el("label", {}, box, text);
    };
    parts.push(choice("x", numbers, place.x, (x) => again({ x, zoom: "" })), tick("x", "log", "Logarithm of x"), choice("y", numbers, place.y, (y) => again({ y, zoom: "" })), tick("y", "log", "Logarithm of y"), tick("v", "turn", "Turn y upside down; magnitudes stand so"));
  }
  if (survey.columns.some(({ name }) => name === "suspicion")) {
    parts.push(choice("size", [{ value: "", text: "all alike" }, { value: "suspicion", text: "suspicion" }], view.size ?? "", (size) => { change({ size }); void guarded(() => map.sizeBy(size)); }));
  }
  const here = place?.kind === "map" ? survey.maps.find(({ name }) => name === place.name)!.parts : survey.parts;
  if (here.length > 1) parts.push(partsShown(bar, here));
  parts.push(el("button", { type: "button", title: "The whole map (0)", click: () => void map.home() }, "whole"));
  const around = (id: string, text: string, says: string) => el("button", { type: "button", "aria-pressed": "false", title: says, id, click: () => toggleAround(map, id) }, text);
  parts.push(around("lasso", "lasso", "Draw around objects (l, or hold Shift)"), around("rectangle", "rectangle", "Draw a rectangle around objects (r)"), el("button", { type: "button", id: "in-view", title: "Select what is in view (v)", click: () => map.inView() }, "in view"));
  byId("mapbar").replaceChildren(...parts, ...selectBy(bar, selection));
}

// Which parts of the split have their colours; the others are grey.
function partsShown({ view, change, map, guarded }: Bar, here: Part[]): HTMLElement {
  const hidden = (view().hide ?? "").split("+");
  // what another view holds stays as it is there
  const elsewhere = hidden.filter((part) => part && !here.some(({ name }) => name === part));
  const boxes = here.map(({ name, objects }) => {
    const says = name === "new" ? "in no part of the split" : `in the split's part ${name}`;
    const box = el("input", { type: "checkbox", title: `${objects.toLocaleString("en")} objects ${says}`, change: () => {
      const hide = [...elsewhere, ...boxes.filter(({ box: one }) => !one.checked).map(({ name: part }) => part)].join("+");
      change({ hide });
      void guarded(() => map.hide(hide));
    } });
    box.checked = !hidden.includes(name);
    return { name, box };
  });
  return el("span", { class: "choice", id: "parts", role: "group", "aria-label": "Parts of the split; those without a tick are grey" },
    el("span", {}, "in colour"), ...boxes.map(({ name, box }) => el("label", {}, box, name)));
}

// Draw around objects, freely or as a rectangle, or move the map again.
export function toggleAround(map: SkyMap, id: string): void {
  const on = byId(id).getAttribute("aria-pressed") !== "true";
  for (const other of ["lasso", "rectangle"]) byId(other).setAttribute("aria-pressed", String(on && other === id));
  void map.lasso(on ? (id === "lasso" ? "freeform" : "rectangle") : null);
}

// The form that selects by what is typed.
function selectBy({ survey, change, view, guarded }: Bar, selection: Selection): HTMLElement[] {
  const now = view();
  // a copy has no cones; what the run has no classifier for is not offered either
  const ways = BY.filter(([how]) => (how !== "cone" || !isStill()) && (how !== "predicted class" || survey.columns.some(({ name }) => name === how)));
  let by = ways.find(([how]) => how === now.how)?.[0] ?? "condition";
  const box = el("input", { type: "search", id: "condition", list: "columns", "aria-label": "What to select", spellcheck: "false" });
  const list = el("datalist", { id: "columns" });
  const names = survey.columns.flatMap(({ column }) => column ?? []);
  const suit = () => { box.placeholder = `select ${BY.find(([how]) => how === by)![1]}: ${BY.find(([how]) => how === by)![2]}`; };
  completed(box, list, () => (by === "condition" ? { names, whole: false } : { names: by === "class" || by === "predicted class" ? survey.classes : [], whole: true }));
  const form = el("form", { id: "where", submit: (event) => {
    event.preventDefault();
    const text = box.value.trim();
    if (!text) return;
    const how = by;
    void guarded(() => selection.by(how, text, selection.mode, () => change({ select: text, how: how === "condition" ? "" : how, id: "" }, true)));
  } }, box, list);
  // a pasted list keeps its lines apart
  box.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    if (by !== "names" || !/[\r\n]/.test(text)) return;
    event.preventDefault();
    box.setRangeText(text.trim().split(/[\r\n]+/).join(", "), box.selectionStart ?? 0, box.selectionEnd ?? 0, "end");
  });
  box.value = ways.some(([how]) => how === (now.how || "condition")) ? (now.select ?? "") : "";
  suit();
  const kinds = choice("by", ways.map(([value, text]) => ({ value, text })), by, (chosen) => { by = chosen as By; box.value = ""; suit(); box.focus(); });
  kinds.id = "by";
  kinds.querySelector("select")!.setAttribute("aria-label", "select by");
  return [kinds, form, choice("selection", ["new", "add", "subtract"].map((value) => ({ value, text: value })), selection.mode, (mode) => { selection.mode = mode as Mode; })];
}
