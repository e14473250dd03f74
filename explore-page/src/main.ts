// The explorer's page: the map on one side, the object that is looked at on the other.
import { about } from "./about";
import { json, post, type OwnFile, type SkyObject, type Survey } from "./api";
import { byId, el, isStill, stands, waiting } from "./dom";
import { SkyMap } from "./map";
import { mapBar as drawBar, placeOf, toggleAround } from "./mapbar";
import { matches, neighbours } from "./neighbours";
import { filePage, objectPage, type Told } from "./object";
import { Queue } from "./queue";
import { Retrain } from "./retrain";
import { Samp } from "./samp";
import { searchBox } from "./search";
import { Selection, type By } from "./selection";
import { PLAINLY, readView, writeView, type View } from "./state";

const KEYS: [string, string][] = [
  ["/", "search an object"], ["n, p", "next, previous of the objects alike"], ["Backspace", "back"], ["h, d", "half, twice the period"],
  ["0", "the whole map"], ["arrows, +, -", "move the map, zoom in and out"], ["v", "select what is in view"], ["l, r", "lasso (or hold Shift), rectangle"], ["w", "select by a condition"], ["q", "queues of objects to judge"], ["1 … 9, 0", "in a queue: the class"], ["x, u", "in a queue: artefact, unsure"], ["space", "in a queue: next"], ["z", "in a queue: undo"],
  ["t", "light, dark"], ["?", "these keys"], ["Esc", "close"],
];

let survey: Survey;
let map: SkyMap;
let view: Partial<View> = {};
let told: Told | null = null;
let selection: Selection;
let queue: Queue;
let samp: Samp;
let ask = 0;
let busy = 0;

function fail(error: unknown): void {
  const place = byId("error");
  place.textContent = error instanceof Error ? error.message : String(error);
  place.hidden = false;
}

function fine(): void {
  byId("error").hidden = true;
}

async function guarded(what: () => Promise<void>): Promise<void> {
  busy++;
  try {
    fine();
    await what();
  } catch (error) {
    fail(error);
  } finally {
    if (!--busy) settle();
  }
}

// Nothing is awaited any more: the address tells the object that stands there. What the browser
// went back to may have been given up for something else, and that refused.
function settle(): void {
  const { id } = byId("side").dataset;
  if (id !== undefined && id !== view.id) change({ id });
}

function change(part: Partial<View>, step = false): void {
  const another = part.id !== undefined && part.id !== (view.id ?? "");
  const selects = part.select !== undefined; // which leads out of a queue
  const elsewhere = another || selects; // what is compared stands there no more
  view = { ...view, ...(another ? PLAINLY : {}), ...(elsewhere ? { compare: "", with: "" } : {}), ...(selects ? { queue: "" } : {}), ...part };
  writeView(view, step);
}

// Take a turn at what is shown beside the map; tells whether it is still the newest.
function turn(): () => boolean {
  const mine = ++ask;
  return () => mine === ask;
}

async function showMap(): Promise<void> {
  const place = placeOf(survey, view);
  if (!survey.columns.some(({ name }) => name === view.colour)) view.colour = survey.columns[0]!.name;
  if (view.size !== "suspicion" || !survey.columns.some(({ name }) => name === view.size)) view.size = "";
  if (!place) {
    byId("legend").replaceChildren("There is no map: the configuration makes none, there are too few objects to draw one, or it is of another model, as the terminal tells.");
    return;
  }
  view.map = place.kind === "map" ? place.name : place.kind === "sky" ? `sky:${place.frame}` : place.kind;
  for (const axis of ["x", "y"] as const) if (view[axis]) view[axis] = place.kind === "scatter" ? place[axis] : "";
  const parts = (view.hide ?? "").split("+").filter((part) => survey.parts.some(({ name }) => name === part));
  view.hide = parts.join("+");
  const zoom = view.zoom ?? ""; // while it is drawn, the view before it may tell its own
  if (!(await map.open(place))) return;
  if (view.size) await map.sizeBy(view.size);
  await map.hide(view.hide);
  if (await map.colour(view.colour!, view)) Object.assign(view, map.shade());
  await map.look(zoom);
  writeView(view); // what is unknown in an address is not shown, and does not stay there
}

// Show an object; the address tells what is new in it once the object is there.
async function showObject(id: string, part?: Partial<View>): Promise<void> {
  const mine = ++ask;
  const side = byId("side");
  const page = await json<SkyObject>("object", { id, of: part?.of ?? view.of ?? "" });
  if (mine !== ask) return;
  if (part) change(part, true);
  const made = objectPage(page, { view, change: (part) => { if (addressedObject()?.page === page) change(part); } }, (of) => void guarded(() => showObject(id, { of, period: "" })));
  told = made.told;
  side.replaceChildren(...made.parts);
  side.scrollTop = 0;
  made.draw();
  map.mark([page.row]);
  document.title = `${page.object_id} – skybind`;
  stands("id", page.object_id);
  const [rank, twice] = [page.doubts ? `suspect ${page.doubts.rank} of ${page.doubts.of.toLocaleString("en")}: ` : "", side.querySelector(".doubt")];
  const bar = queue.bar(id, rank);
  if (bar?.querySelector(".verdicts")) twice?.remove();
  if (bar) side.prepend(bar);
  else if (selection.rows.size) side.prepend(el("button", { type: "button", click: () => { change({ id: "" }, true); void guarded(() => selection.show()); } }, `to the ${selection.rows.size.toLocaleString("en")} selected`));
  await showAlike(page);
}

async function showAlike(page: SkyObject): Promise<void> {
  const mine = ask;
  await neighbours(byId("alike"), survey, { view, id: page.object_id, modalities: page.modalities },
    (part) => { change(part); void guarded(() => showAlike(page)); },
    (id) => open(id),
    (rows) => { if (mine === ask) map.mark([page.row, ...rows]); });
}

// Search for what a file of the user's own holds.
async function showFile(file: File, values = ""): Promise<void> {
  const mine = ++ask;
  const side = byId("side");
  stands(null);
  const own = await waiting(side, `reading ${file.name} …`, async () => (await (await post("file", { name: file.name, k: 12, values }, file)).json()) as OwnFile);
  if (mine !== ask) return;
  change({ id: "" });
  told = null;
  const made = filePage(own);
  side.replaceChildren(...made.parts);
  made.draw();
  const into = byId("alike");
  const box = el("input", { type: "text", value: values, placeholder: "period=0.37", "aria-label": "What goes with the file", spellcheck: "false" });
  const again = (event: Event) => {
    event.preventDefault();
    void guarded(() => showFile(file, box.value));
  };
  const form = el("form", { class: "controls", submit: again }, el("label", {}, "with the values ", box), el("button", {}, "search again"));
  into.append(el("h3", {}, "Most alike"), form);
  side.dataset["values"] = values;
  const place = await map.guest({ name: own.name, matches: own.found.matches });
  if (place) into.append(el("p", { id: "place" }, place));
  // what was noticed in the file itself stands above
  const found = own.found.notes.filter((note) => !own.notes.includes(note));
  await matches(into, { ...own.found, notes: found }, open, (rows) => { if (mine === ask) map.mark(rows); });
  if (mine === ask) stands("file", own.name);
}

function open(id: string): void {
  void guarded(() => showObject(id, { id }));
}

async function openRow(row: number): Promise<void> {
  const newest = turn();
  const { object_id } = await json<{ object_id: string }>("card", { row });
  if (newest()) open(object_id);
}

// Show what the address says, after the browser went back or forth. Where that is refused, nothing
// else stands there as if it were it.
async function again(before: Partial<View>): Promise<void> {
  if ((["map", "colour", "scale", "clip", "only", "hide", "x", "y", "log", "size"] as const).some((name) => view[name] !== before[name])) await showMap();
  else if (view.zoom !== before.zoom) await map.look(view.zoom ?? "");
  mapBar();
  let mine = 0;
  try {
    const shown = addressed(before);
    mine = ask;
    await shown;
  } catch (error) {
    if (mine === ask) welcome();
    throw error;
  }
}

async function addressed(before: Partial<View>): Promise<void> {
  if (view.queue !== before.queue) queue.leave();
  if (view.queue && (view.queue !== before.queue || !view.id)) return queue.start(view.queue, view.id);
  if (view.id) return showObject(view.id);
  const how = (view.how || "condition") as By;
  if (view.select && selection.holds(how, view.select)) return selection.show();
  if (view.select) return selection.by(how, view.select, "new");
  if (view.how === "drawn" && selection.holds()) return selection.show();
  map.mark([]);
  welcome();
}

function welcome(): void {
  ask++;
  told = null;
  void map.guest(null);
  const side = byId("side");
  stands(null);
  side.replaceChildren(
    el("h2", {}, survey.dataset), el("p", {}, `${survey.objects.toLocaleString("en")} ${survey.simulated ? "simulated " : ""}objects, ${survey.modalities.join(" + ")}.`),
    el("p", {}, "Point at an object for a card, click it to see its light curve, spectrum or image. Every view has an address of its own: copy it to come back", isStill() ? "." : ", as long as the explorer runs."), selection.kept(), about(survey));
}

// The object that stands beside the map, if one does.
function beside(): Told | null {
  return told && byId("side").dataset["id"] === told.page.object_id ? told : null;
}

// The same, unless the address tells another one, which comes in its place.
function addressedObject(): Told | null {
  const now = beside();
  return now?.page.object_id === view.id ? now : null;
}

// Step through the objects alike.
function step(by: number): void {
  const buttons = Array.from(document.querySelectorAll<HTMLButtonElement>("#alike [data-id]:not(:disabled)"));
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
  buttons[(at + by + buttons.length) % buttons.length]?.focus();
}

function theme(value?: string): void {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset["theme"] ?? (dark ? "dark" : "light");
  const next = value ?? (now === "dark" ? "light" : "dark");
  document.documentElement.dataset["theme"] = next;
  localStorage.setItem("skybind-theme", next);
}

function toggleTheme(): void {
  theme();
  map.dressed();
  void guarded(async () => {
    if (view.map && view.colour) await map.colour(view.colour, view);
    const now = addressedObject();
    if (now) await showObject(now.page.object_id);
  });
}

function openQueues(): void {
  void guarded(() => queue.list());
}

// The classes are others now: colour the map by them.
async function trained(): Promise<void> {
  survey = await json<Survey>("survey");
  const name = "predicted class with answers";
  if (survey.columns.some((column) => column.name === name)) change({ colour: name, scale: "", clip: "", only: "" });
  mapBar();
  await showMap();
}

function help(): void {
  const dialog = byId<HTMLDialogElement>("help");
  if (dialog.open) return dialog.close();
  const rows = KEYS.filter(([, text]) => !isStill() || !text.includes("queue")).map(([key, text]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, key)), el("td", {}, text)));
  dialog.replaceChildren(el("h2", {}, "Keys"), el("table", {}, el("tbody", {}, ...rows)), about(survey), el("button", { type: "button", click: () => dialog.close() }, "close"));
  dialog.showModal();
}

const STEP = 0.2; // of what is in view
const arrows: Record<string, () => void> = {
  ArrowLeft: () => void map.step(-STEP, 0), ArrowRight: () => void map.step(STEP, 0), ArrowUp: () => void map.step(0, STEP), ArrowDown: () => void map.step(0, -STEP),
};

// Arrows move the map, unless there is something else that they scroll or choose from.
function movesMap(target: HTMLElement): boolean {
  if (target === document.body) return document.documentElement.scrollHeight <= innerHeight;
  return byId("map").contains(target) && !(target instanceof HTMLInputElement);
}

function keys(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (byId<HTMLDialogElement>("help").open && event.key !== "?") return;
  // nothing is typed into a slider, whose own keys are the arrows
  const slider = target instanceof HTMLInputElement && target.type === "range";
  if (event.ctrlKey || event.metaKey || event.altKey || (!slider && ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName))) return;
  if (queue.key(event, target)) return event.preventDefault();
  const actions: Record<string, () => void> = {
    q: openQueues,
    "/": () => byId("query").focus(), n: () => step(1), p: () => step(-1), h: () => beside()?.multiply(0.5), d: () => beside()?.multiply(2),
    "0": () => void map.home(), "+": () => void map.step(0, 0, 0.7), "=": () => void map.step(0, 0, 0.7), "-": () => void map.step(0, 0, 1 / 0.7), v: () => map.inView(), l: () => toggleAround(map, "lasso"), r: () => toggleAround(map, "rectangle"), w: () => byId("condition").focus(), t: toggleTheme, "?": help, Backspace: () => history.back(), Escape: () => (byId("card").hidden = true),
  };
  const known = event.key === "q" && isStill() ? undefined : actions[event.key]; // nothing is judged in a copy
  const action = known ?? (movesMap(target) ? arrows[event.key] : undefined);
  if (!action) return;
  event.preventDefault();
  action();
}

function mapBar(): void {
  drawBar({
    survey, map, selection, change, guarded, view: () => view,
    redraw: () => void guarded(async () => { await showMap(); const now = beside(); if (now) map.mark([now.page.row]); else if (selection.rows.size) map.mark(Array.from(selection.rows), true); }),
  });
}

function controls(): void {
  byId("title").textContent = `${survey.name} · ${survey.dataset}`;
  mapBar();
  const file = el("input", { type: "file", id: "file", class: "hidden", tabindex: "-1", "aria-hidden": "true", change: () => {
    const [chosen] = file.files ?? [];
    if (chosen) void guarded(() => showFile(chosen));
    file.value = "";
  } });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const dropped = event.dataTransfer?.files[0];
    if (dropped) void guarded(() => showFile(dropped));
  });
  byId("controls").replaceChildren(
    file, el("span", { id: "training", role: "status" }), el("button", { type: "button", id: "queues", title: "Objects to judge one after another (q)", click: openQueues }, "queues"),
    el("button", { type: "button", title: "Search by a file of your own; or drop it on the page", click: () => file.click() }, "file …"),
    samp.button,
    el("button", { type: "button", title: "Light or dark (t)", "aria-label": "Light or dark", click: toggleTheme }, "◐"),
    el("button", { type: "button", title: "Keys (?)", "aria-label": "Keys", click: help }, "?"));
}

async function start(): Promise<void> {
  const stored = localStorage.getItem("skybind-theme");
  if (stored) theme(stored);
  view = readView();
  survey = await json<Survey>("survey");
  map = new SkyMap(survey, {
    opened: (row) => void guarded(() => openRow(row)),
    selected: (rows, said) => void guarded(() => selection.take(rows, said)),
    changed: (part) => change(part),
  });
  selection = new Selection(open, (rows) => map.mark(rows, true), () => { change({ id: "", select: "", how: "" }); welcome(); }, turn, guarded);
  selection.drawn = () => change({ id: "", select: "", how: "drawn" });
  selection.opened = (name) => change({ id: "", select: name, how: "kept" }, true);
  selection.comparison = {
    // while what the address selects is under way, what is compared beside it waits for it
    now: () => (view.compare && view.with && (!view.select || selection.rows.size) ? [view.compare, view.with] : null),
    change: (one, other) => change({ compare: one, with: other }),
  };
  const retrain = new Retrain(guarded, trained, (rows, said) => selection.take(rows, said, "new"));
  queue = new Queue({
    object: (id, queue) => showObject(id, { id, queue }),
    ended: (queue) => change({ id: "", queue }, true),
    seen: () => ({ map: view.map ?? "", period: document.getElementById("folded")?.dataset["period"] ?? "" }),
    guarded, turn, training: (answers, refused) => retrain.part(answers, refused),
  });
  selection.judge = (name) => queue.start(`kept:${name}`);
  samp = new Samp({ guarded, open: (id) => showObject(id, { id }), take: (rows, said) => selection.take(rows, said, "new") });
  searchBox(open, fail);
  document.addEventListener("keydown", keys);
  window.addEventListener("popstate", () => {
    const before = view;
    view = readView();
    void guarded(() => again(before));
  });
  welcome();
  await showMap();
  controls();
  if (!isStill()) await samp.start();
  document.body.dataset["ready"] = "yes";
  if (view.select) await selection.by((view.how || "condition") as By, view.select, "new");
  if (view.queue) await queue.start(view.queue, view.id);
  else if (view.id) await showObject(view.id);
}

void guarded(start);
