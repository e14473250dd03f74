// What is selected on the map or by a condition: what it is, and its table to take home.
import { arrow, post, type Columns } from "./api";
import { byId, el, isStill, number, stands } from "./dom";
import { keptPart, type Comparison } from "./kept";

interface Summary { n: number; of?: number; classes: [string, number][]; columns: string[]; listed: Record<string, unknown>[] }
export type By = "condition" | "cone" | "names" | "class" | "predicted class" | "kept";
export type Mode = "new" | "add" | "subtract";

const FORMATS: [string, string][] = [[".csv", "CSV"], [".parquet", "Parquet"], [".vot", "VOTable"], [".fits", "FITS"]];

const CLASSES = 12; // that are told one by one

export class Selection {
  rows = new Set<number>();
  mode: Mode = "new";
  // Called when what is selected is not what the address says.
  drawn: () => void = () => undefined;
  // Called when a selection that is kept is opened by its name.
  opened: (name: string) => void = () => undefined;
  // Called to go through a kept selection as a queue.
  judge: (name: string) => Promise<void> = () => Promise.resolve();
  // The two that are compared, as the address tells, and how it is told of them.
  comparison: Comparison = { now: () => null, change: () => undefined };
  private said = "";
  private address = ""; // of the rows; none where they were drawn, or put together

  constructor(private open: (id: string) => void, private mark: (rows: number[]) => void, private back: () => void, private turn: () => () => boolean, private guarded: (what: () => Promise<void>) => Promise<void>) {}

  // Take rows as the chosen mode says, or as the first ones.
  async take(rows: ArrayLike<number>, said: string, mode = this.mode, address = ""): Promise<void> {
    if (!address) this.drawn();
    this.address = address;
    const given = Array.from(rows);
    const before = this.rows.size > 0;
    if (mode === "new") this.rows = new Set(given);
    for (const row of given) {
      if (mode === "add") this.rows.add(row);
      if (mode === "subtract") this.rows.delete(row);
    }
    if (mode === "subtract") this.said = before ? `(${this.said}) and not (${said})` : "";
    else this.said = mode === "add" && before ? `(${this.said}) or (${said})` : said;
    await this.show();
  }

  // Select by what was typed: a condition, a cone, names, or a class; `found` is called before that
  // is shown.
  async by(how: By, text: string, mode = this.mode, found: () => void = () => undefined): Promise<void> {
    const newest = this.turn();
    const { values, said } = await asked(how, text);
    if (!newest()) return;
    found();
    const shown = text.length > 80 ? `${text.slice(0, 80)} …` : text;
    const named = how === "condition" || how === "kept" ? shown : `${how} ${shown}`;
    await this.take(values["row"]!, [named, said["said"]].filter(Boolean).join("; "), mode, mode === "new" ? addressOf(how, text) : "");
  }

  // Whether these are the objects of an address; without one, whether they were drawn.
  holds(how?: By, text = ""): boolean {
    return this.rows.size > 0 && this.address === (how ? addressOf(how, text) : "");
  }

  async show(): Promise<void> {
    const newest = this.turn();
    const rows = Array.from(this.rows);
    const told = (await (await post("selection", {}, this.body())).json()) as Summary;
    if (!newest()) return; // something else was asked for meanwhile
    this.mark(rows);
    const share = (n: number) => `${((100 * n) / Math.max(told.n, 1)).toFixed(0)} %`;
    const counted = (name: string, n: number) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, String(n)), el("td", {}, share(n)));
    const classes = told.classes.slice(0, CLASSES).map(([name, n]) => counted(name, n));
    const rest = told.classes.slice(CLASSES);
    if (rest.length) classes.push(counted(`and ${rest.length.toLocaleString("en")} more`, rest.reduce((sum, [, n]) => sum + n, 0)));
    const exports = FORMATS.map(([ending, name]) => el("button", { type: "button", "data-export": ending, click: () => void this.guarded(() => this.save(ending)) }, name));
    const samp = el("button", { type: "button", id: "samp", title: "To TOPCAT, Aladin and others that run on this machine", click: () => void this.send(samp) }, "send by SAMP");
    const head = el("tr", {}, ...told.columns.map((name) => el("th", { scope: "col" }, name)));
    const listed = told.listed.map((row) => {
      const id = String(row["object_id"]);
      const link = el("button", { type: "button", class: "link", click: () => this.open(id) }, id);
      return el("tr", {}, ...told.columns.map((name) => (name === "object_id" ? el("td", {}, link) : el("td", {}, number(short(row[name]))))));
    });
    const side = byId("side");
    stands("selected", String(told.n));
    side.replaceChildren(
      el("header", {}, el("h2", {}, `${told.n.toLocaleString("en")} ${told.of === undefined ? "" : `of the ${told.of.toLocaleString("en")} `}objects ${told.of === undefined ? "" : "in this copy "}selected`), el("p", {}, this.said),
        el("button", { type: "button", click: () => this.clear() }, "clear")),
      el("section", {}, el("h3", {}, "Classes"), el("table", {}, el("tbody", {}, ...classes))),
      el("section", {}, el("h3", {}, "Save the table"), el("div", { class: "controls" }, ...exports, samp),
        el("small", {}, isStill() ? "All columns of the catalogue with units, and what the run says of each object. Judgements go along, without who gave them." : "All columns of the catalogue with units, and what the run says of each object. Judgements go along, with the judge's name.")),
      this.kept(),
      el("section", {}, el("h3", {}, told.n > listed.length ? `The first ${listed.length}` : "Objects"),
        el("div", { class: "wide" }, el("table", { class: "listed" }, el("thead", {}, head), el("tbody", {}, ...listed)))));
    side.scrollTop = 0;
  }

  // What is kept with the run, and how to keep what is selected now.
  kept(): HTMLElement {
    return keptPart({
      rows: () => Array.from(this.rows), said: () => this.said, guarded: this.guarded, comparison: this.comparison,
      judge: (name) => this.judge(name), open: (name) => this.by("kept", name, "new", () => this.opened(name)),
    });
  }

  clear(): void {
    this.rows.clear();
    this.mark([]);
    this.back();
  }

  private body(): ArrayBuffer {
    return Int32Array.from(this.rows).buffer;
  }

  private async send(button: HTMLElement): Promise<void> {
    button.textContent = "sending …";
    try {
      const { sent_to } = (await (await post("samp", {}, this.body())).json()) as { sent_to: string[] };
      button.textContent = `sent to ${sent_to.join(", ")}`;
    } catch (error) {
      button.textContent = (error as Error).message;
    }
  }

  private async save(ending: string): Promise<void> {
    const blob = await (await post("export", { ending }, this.body())).blob();
    const link = el("a", { href: URL.createObjectURL(blob), download: `selection${ending}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}

const addressOf = (how: By, text: string) => `${how} ${text}`;

function asked(how: By, text: string): Promise<Columns> {
  if (how === "condition") return arrow("where", { condition: text });
  return how === "kept" ? arrow("kept/rows", { name: text }) : arrow("chosen", { by: how }, new Blob([text]));
}

function short(value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}
