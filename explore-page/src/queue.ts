// Queues of objects to judge one after another by keys; every answer is kept before the next comes.
import { json, post } from "./api";
import { byId, el, stands, waiting } from "./dom";

interface Progress { total: number; judged: number; left: number }
interface Told extends Partial<Record<keyof Progress, number | null>> { name: string; title: string; description: string }
interface Overview { queues: Told[]; classes: string[]; judged: number; answers: number; who: string; refused: string; hint: string }
interface Item { object_id: string; row: number; why: string; suggested: string | null; judged?: string }
interface Opened extends Progress { name: string; title: string; notes: string[]; items: Item[] }
interface Judgement { number: number; object_id: string; verdict: string; label: string | null; note: string; before: string | null; after: string | null }
interface Answer { judgement: Judgement; progress: Progress | null }

// What the page does for a queue.
export interface Hooks {
  object: (id: string, queue: string) => Promise<void>;
  // The list of queues is shown, or the end of one.
  ended: (queue: string) => void;
  seen: () => { map: string; period: string };
  guarded: (what: () => Promise<void>) => Promise<void>;
  turn: () => () => boolean;
  training: (answers: number, refused: string) => HTMLElement;
}

const CLASS_KEYS = "1234567890";

export class Queue {
  private known: Overview | null = null;
  private opened: Opened | null = null;
  private at = 0;
  private said = "";
  private busy = false;
  // Numbers of the judgements that were made here and stand, the last one last.
  private made: number[] = [];

  constructor(private hooks: Hooks) {}

  get active(): boolean {
    return this.opened !== null;
  }

  private get item(): Item | undefined {
    return this.opened?.items[this.at];
  }

  // List all queues beside the map.
  async list(): Promise<void> {
    const newest = this.hooks.turn();
    this.known = await json<Overview>("queues");
    if (!newest()) return;
    this.leave();
    const { queues, refused, hint, judged, answers } = this.known;
    const entries = queues.map((queue) => el("li", {}, el("button", { type: "button", "data-queue": queue.name, click: () => void this.hooks.guarded(() => this.start(queue.name)) },
      el("b", {}, queue.title), el("span", {}, far(queue)), el("small", {}, queue.description))));
    const side = byId("side");
    stands("queues", String(queues.length));
    side.replaceChildren(
      el("header", {}, el("h2", {}, "Queues"), el("p", {}, "Objects to judge one after another, by keys. Every answer is kept at once in the run's labels; a class is an answer that 'skybind label' knows too."),
        !!refused && el("p", { class: "doubt" }, refused), !!hint && el("p", {}, hint),
        el("small", {}, `${judged.toLocaleString("en")} objects judged here, ${answers.toLocaleString("en")} answers in all.`)),
      el("ul", { class: "queues" }, ...entries), this.hooks.training(answers, refused));
    side.scrollTop = 0;
    this.hooks.ended("");
    side.querySelector<HTMLElement>("[data-queue]")?.focus();
  }

  // Open a queue at its first object, or at one that the address names.
  async start(name: string, id = "", again = false): Promise<void> {
    const newest = this.hooks.turn();
    const opened = await waiting(byId("side"), "looking for objects …", async () => {
      this.known = await json<Overview>("queues");
      return json<Opened>("queue", { name, new: again ? "yes" : "" });
    });
    if (!newest()) return;
    this.opened = opened;
    this.at = Math.max(0, opened.items.findIndex((item) => item.object_id === id));
    this.said = opened.notes.join(" ");
    await this.show();
    byId("side").scrollIntoView();
  }

  leave(): void {
    this.opened = null;
    delete byId("side").dataset["queues"];
  }

  // What stands above an object while a queue is open.
  bar(id: string, suspect = ""): HTMLElement | null {
    const [opened, known] = [this.opened, this.known];
    if (!opened || !known) return null;
    const place = opened.items.findIndex((one) => one.object_id === id);
    if (place >= 0) this.at = place; // the browser went back to it, or it was looked for
    const queues = el("button", { type: "button", title: "All queues (q)", click: () => void this.hooks.guarded(() => this.list()) }, "queues");
    const item = this.item;
    if (!item || item.object_id !== id) {
      return el("section", { id: "judge" }, el("div", { class: "controls" },
        !!item && el("button", { type: "button", click: () => void this.hooks.guarded(() => this.show()) }, `back to ${item.object_id} in the queue`), queues));
    }
    const progress = el("progress", { max: opened.total || 1, value: opened.judged, "aria-label": "Judged of this queue" });
    const classes = known.classes.map((name, place) => this.verdict(CLASS_KEYS[place] ?? "", name, () => this.judge("class", name), name === item.suggested ? "suggested" : ""));
    const rest = [
      this.verdict("x", "artefact", () => this.judge("artefact")), this.verdict("u", "unsure", () => this.judge("unsure")),
      this.verdict("space", "next", () => this.skip()), this.verdict("z", "undo", () => this.undo()),
    ];
    const who = el("input", { type: "text", value: name(known), "aria-label": "Who judges", size: "10", change: () => localStorage.setItem("skybind-who", who.value.trim()), keydown: (event) => { if ((event as KeyboardEvent).key === "Enter") who.blur(); } });
    return el("section", { id: "judge", "aria-label": "Judge" },
      el("div", { class: "controls" }, el("b", {}, opened.title), progress, el("span", { id: "far" }, far(opened)), queues),
      el("p", { class: "why" }, !!item.judged && el("b", {}, `judged ${item.judged} · `), suspect, item.why),
      known.refused ? el("p", { class: "doubt" }, known.refused) : el("div", { class: "verdicts", role: "group", "aria-label": "Verdict" }, ...classes, ...rest),
      el("div", { class: "controls" }, el("small", { id: "said", role: "status" }, this.said), this.another(), el("label", {}, "judged by ", who)));
  }

  // Heed a key; tells whether it was one of the queue's.
  key({ key, repeat }: KeyboardEvent, target: HTMLElement): boolean {
    if (!this.opened || !this.known) return false;
    if (key === " " && ["BUTTON", "A", "SUMMARY"].includes(target.tagName)) return false;
    const label = this.known.classes[CLASS_KEYS.indexOf(key)];
    const actions: Record<string, () => Promise<void>> = { x: () => this.judge("artefact"), u: () => this.judge("unsure"), " ": () => this.skip(), z: () => this.undo() };
    const action = CLASS_KEYS.includes(key) && label ? () => this.judge("class", label) : actions[key];
    if (!action) return false;
    if (!repeat) void this.hooks.guarded(action); // a key held down judges one object, not all that follow
    return true;
  }

  private verdict(key: string, text: string, act: () => Promise<void>, mark = ""): HTMLElement {
    return el("button", { type: "button", "data-verdict": text, class: mark, title: mark && "What the neighbours, or the classifier, say", click: () => void this.hooks.guarded(act) }, !!key && el("kbd", {}, key), text);
  }

  // A class that has no key, or that the run does not have yet.
  private another(): HTMLElement {
    const box = el("input", { type: "text", size: "9", placeholder: "another class", "aria-label": "Another class", spellcheck: "false" });
    const fresh = el("input", { type: "checkbox" });
    const submit = (event: Event) => {
      event.preventDefault();
      const label = box.value.trim();
      if (label) void this.hooks.guarded(() => this.judge("class", label, fresh.checked));
    };
    return el("form", { submit }, box, el("label", { title: "Allow a class that the run does not have" }, fresh, "new"));
  }

  // Judge the object that is shown; never one that was not seen yet.
  private async judge(verdict: string, label = "", fresh = false): Promise<void> {
    const [opened, item] = [this.opened, this.item];
    if (!opened || !item || this.busy || byId("side").dataset["id"] !== item.object_id) return;
    this.busy = true;
    try {
      const said = { object_id: item.object_id, verdict, ...(label ? { label } : {}), ...(fresh ? { new: "yes" } : {}), who: name(this.known!), queue: opened.name, ...this.hooks.seen() };
      const { judgement, progress } = await send("judge", said);
      this.made.push(judgement.number);
      if (label && !this.known!.classes.includes(label)) this.known!.classes.push(label);
      if (progress) Object.assign(opened, progress);
      item.judged = judgement.label ?? verdict;
      const again = judgement.note ? ` It does not train: ${judgement.note}` : "";
      this.said = `${judgement.object_id}: ${judgement.label ?? verdict}; z takes it back.${again}`;
    } finally {
      this.busy = false;
    }
    await this.skip();
  }

  private async skip(): Promise<void> {
    if (this.busy) return;
    this.at++;
    await this.show();
  }

  private async undo(): Promise<void> {
    if (!this.opened || this.busy) return;
    this.busy = true;
    try {
      // what was judged here last, also where another page judges under the same name
      const last = this.made.at(-1);
      const { judgement, progress } = await send("undo", { who: name(this.known!), ...(last ? { number: String(last) } : {}) });
      this.made = this.made.filter((number) => number !== judgement.number);
      if (progress) Object.assign(this.opened, progress);
      this.said = `${judgement.object_id} is not ${judgement.label ?? judgement.verdict} any more.`;
      const place = this.opened.items.findIndex((item) => item.object_id === judgement.object_id);
      if (place < 0) this.opened.items.splice(this.at, 0, { object_id: judgement.object_id, row: -1, why: "judged before, and undone", suggested: null });
      else [this.at, this.opened.items[place]!.judged] = [place, undefined];
    } finally {
      this.busy = false;
    }
    await this.show();
  }

  private async show(): Promise<void> {
    const { name: queue, title } = this.opened!;
    if (this.item) return this.hooks.object(this.item.object_id, queue);
    const newest = this.hooks.turn();
    const opened = await json<Opened>("queue", { name: queue, new: "" });
    if (!newest()) return;
    this.hooks.ended(queue);
    const skipped = opened.left;
    const side = byId("side");
    stands("queues", "end");
    const start = (text: string, again: boolean) => el("button", { type: "button", click: () => void this.hooks.guarded(() => this.start(queue, "", again)) }, text);
    side.replaceChildren(el("header", {}, el("h2", {}, title), el("p", { id: "far" }, far(opened)), el("p", { role: "status" }, this.said),
      el("div", { class: "controls" }, skipped > 0 && start("the objects that are left", false), queue === "next" && start("propose anew", true),
        el("button", { type: "button", click: () => void this.hooks.guarded(() => this.list()) }, "queues"))));
  }
}

async function send(path: string, said: Record<string, string>): Promise<Answer> {
  return (await (await post(path, {}, new Blob([JSON.stringify(said)], { type: "application/json" }))).json()) as Answer;
}

function name(known: Overview): string {
  return localStorage.getItem("skybind-who") || known.who;
}

function far({ total, judged, left }: Partial<Record<keyof Progress, number | null>>): string {
  if (total === null || total === undefined) return "";
  return `${(judged ?? 0).toLocaleString("en")} judged, ${(left ?? 0).toLocaleString("en")} left`;
}
