// The map: which points, their colours, and the legend.
import { arrow, json, type Card, type Columns, type Match, type Survey } from "./api";
import { byId, choice, el, number } from "./dom";
import { drawRings, FEW, type At } from "./marks";
import { Points } from "./points";
import { ranked } from "./ranked";
import { centreOf, drawAxes, drawSky, fitted, mollweide, wipe, type Axis, type Fit, type Place } from "./space";

const NEAREST = 5; // neighbours that tell where a file of one's own belongs
const MISSING = 256; // code of what has no number; of names it is the code after the last

export interface Chosen { map: string; colour: string }

export class SkyMap {
  private points: Points;
  private code = new Uint16Array(0);
  private palette: string[] = [];
  private place = new Int32Array(0); // the point of a row, -1 of what is not shown
  private chosenName: number | null = null;
  private colours: Columns | null = null;
  private log = false;
  private clip = 1;
  private marked: number[] = [];
  private shown: Place = { kind: "map", name: "" };
  private fit: Fit = { middle: [0, 0], half: [1, 1] };
  private axes: [Axis, Axis] | null = null;
  private signs: [number, number] = [1, 1];
  private visitor: { name: string; matches: Match[] } | null = null;
  private chair: [number, number] | null = null;
  private bigger: Uint8Array | null = null;
  private opening = 0;
  private colouring = 0;
  row: ArrayLike<number> = [];

  constructor(
    private survey: Survey,
    private opened: (row: number) => void,
    private selected: (rows: number[]) => void,
  ) {
    let waiting = 0;
    const rows = (points: number[]) => points.map((point) => Number(this.row[point]));
    this.points = new Points(survey.crowd, {
      clicked: (point) => {
        byId("card").hidden = true;
        this.opened(Number(this.row[point]));
      },
      lassoed: (points) => {
        byId("card").hidden = true;
        this.selected(rows(points));
      },
      over: (point) => {
        clearTimeout(waiting);
        if (point === null) byId("card").hidden = true;
        else waiting = window.setTimeout(() => void this.hover(point), 40);
      },
      moved: () => this.frame(),
    });
    this.dressed();
  }

  // Take the colours of the page's theme.
  dressed(): void {
    const style = getComputedStyle(document.documentElement);
    const [back, ink] = ["--back", "--ink"].map((name) => style.getPropertyValue(name).trim()) as [string, string];
    this.points.dressed(back, ink);
  }

  // Show what a file holds where its nearest neighbours on the map are; says what that means.
  async guest(own: { name: string; matches: Match[] } | null): Promise<string> {
    if (!own && !this.visitor) return "";
    this.visitor = own;
    const said = this.seat();
    await this.paint();
    return said;
  }

  // The place of the visitor: the mean of its neighbours, weighted by their nearness.
  private seat(): string {
    this.chair = null;
    if (!this.visitor) return "";
    if (this.shown.kind !== "map") return "It has no place in this view, only on a map of the embeddings.";
    const near = this.visitor.matches.filter(({ row }) => this.has(row)).slice(0, NEAREST);
    if (!near.length) return "None of its neighbours is on this map, so it has no place there.";
    const weight = near.map(({ cosine }) => 1 / (1e-3 + 1 - cosine));
    const total = weight.reduce((a, b) => a + b);
    const at = near.map(({ row }) => this.place[row]!);
    const mean = (values: Float32Array) => at.reduce((sum, point, i) => sum + weight[i]! * values[point]!, 0) / total;
    const { x: every, y: other } = this.points;
    const [x, y] = [mean(every), mean(other)];
    const apart = Math.sqrt(at.reduce((sum, point, i) => sum + weight[i]! * ((every[point]! - x) ** 2 + (other[point]! - y) ** 2), 0) / total);
    this.chair = [x, y];
    const doubt = apart > 0.2 ? ` They lie far apart (${Math.round(50 * apart)} % of the map), so that it says little.` : "";
    return `Its place on the map is the mean of its ${near.length} nearest neighbours there, weighted by their nearness.${doubt}`;
  }

  // Show other points; tells whether no other view was asked for meanwhile.
  async open(place: Place): Promise<boolean> {
    const mine = ++this.opening;
    const asked: Record<string, string> = place.kind === "map" ? { name: place.name } : place.kind === "sky" ? { frame: place.frame } : { x: place.x, y: place.y };
    const { values, said } = await arrow(place.kind, asked);
    if (mine !== this.opening) return false;
    const given = values as { x: Float32Array; y: Float32Array; row: Int32Array };
    const { x, y, row } = this.plotted(place, given, said as { x?: Axis; y?: Axis });
    const wide = place.kind === "scatter" ? byId("plot").clientWidth / (byId("plot").clientHeight || 1) : null;
    const laid = fitted(x, y, wide);
    this.fit = laid.fit;
    this.shown = place;
    this.row = row;
    this.bigger = null;
    this.points.take(laid.x, laid.y);
    this.place = new Int32Array(this.survey.objects).fill(-1);
    for (let i = 0; i < row.length; i++) this.place[row[i]!] = i;
    this.marked = [];
    this.colours = null;
    this.seat();
    byId("points").setAttribute("aria-label", `${name(place)} of ${row.length} objects. Use the search, or n and p, to open objects.`);
    return true;
  }

  async colour(name: string): Promise<void> {
    const mine = ++this.colouring;
    const found = await this.column(name);
    if (!found || mine !== this.colouring) return;
    this.colours = found;
    this.chosenName = null;
    await this.paint();
  }

  // A column of the points that are shown; null where others are shown when it comes.
  private async column(name: string): Promise<Columns | null> {
    const [shown, rows] = [this.shown, this.row];
    const found = await arrow("column", { map: shown.kind === "map" ? shown.name : "", name });
    if (rows !== this.row) return null;
    const every = found.values["value"]!;
    if (shown.kind !== "map") found.values["value"] = Array.from(rows, (row) => every[row]!);
    return found;
  }

  // Draw points the larger, the larger a column is; "" for all alike.
  async sizeBy(name: string): Promise<void> {
    this.bigger = null;
    if (name) {
      const value = (await this.column(name))?.values["value"];
      if (!value) return;
      // half of the points stay the smallest, one in a hundred becomes the largest
      const steps = ranked(value, [0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.97, 0.98, 0.99]);
      this.bigger = Uint8Array.from(value, (v) => steps.filter((step) => v > step).length);
    }
    await this.paint();
  }

  // Coordinates as they are plotted: the sky projected, logarithms, magnitudes upside down.
  private plotted(place: Place, { x, y, row }: { x: Float32Array; y: Float32Array; row: Int32Array }, said: { x?: Axis; y?: Axis }) {
    this.axes = said.x && said.y ? [said.x, said.y] : null;
    const turned = place.kind === "scatter" && place.log.includes("v");
    this.signs = this.axes ? [1, this.axes[1].magnitude !== turned ? -1 : 1] : [1, 1]; // magnitudes upside down
    if (place.kind === "map") return { x, y, row };
    if (place.kind === "sky") {
      const [u, v] = [new Float32Array(x.length), new Float32Array(x.length)];
      for (let i = 0; i < x.length; i++) [u[i], v[i]] = mollweide(x[i]!, y[i]!, centreOf(place.frame)) as [number, number];
      return { x: u, y: v, row };
    }
    const [logX, logY] = ["x", "y"].map((axis) => place.log.includes(axis));
    const kept = Array.from(row.keys()).filter((i) => (!logX || x[i]! > 0) && (!logY || y[i]! > 0));
    const along = (values: Float32Array, log: boolean, sign: number) => Float32Array.from(kept, (i) => sign * (log ? Math.log10(values[i]!) : values[i]!));
    return { x: along(x, logX!, this.signs[0]), y: along(y, logY!, this.signs[1]), row: Int32Array.from(kept, (i) => row[i]!) };
  }

  // What lies over the points where they are now: axes or the degrees of the sky, and rings.
  private frame(): void {
    this.axesDrawn();
    this.rings();
  }

  private axesDrawn(): void {
    const canvas = byId<HTMLCanvasElement>("axes");
    const screen = this.points.screen();
    if (this.shown.kind === "map" || !this.colours || !screen) return wipe(canvas);
    if (this.shown.kind === "sky") drawSky(canvas, this.fit, screen, this.shown.frame);
    else if (this.axes) drawAxes(canvas, this.fit, screen, this.axes, this.signs, this.shown.log);
  }

  // Mark what is looked at, or what is selected: then the others become grey.
  mark(rows: number[], selected = false): void {
    this.marked = rows.map((row) => this.place[row] ?? -1).filter((point) => point >= 0);
    this.points.keep(selected && rows.length > 0 ? this.marked : null);
  }

  private rings(): void {
    const few = this.marked.length > FEW || !this.colours ? [] : this.marked;
    const places = [...few, ...(this.chair && this.colours ? [this.row.length] : [])].map((point) => this.points.at(point));
    drawRings(byId<HTMLCanvasElement>("marks"), places.filter((at): at is At => at !== undefined));
  }

  has(row: number): boolean {
    return (this.place[row] ?? -1) >= 0;
  }

  home(): Promise<void> {
    return this.points.home();
  }

  lasso(kind: "freeform" | "rectangle" | null): Promise<void> {
    return this.points.lasso(kind);
  }

  where(row: number): [number, number] | null {
    return this.has(row) ? (this.points.at(this.place[row]!) ?? null) : null;
  }

  private async paint(): Promise<void> {
    if (!this.colours) return; // those of another view are under way, and are painted when they are there
    const { values, said } = this.colours;
    const value = values["value"] as ArrayLike<number>;
    this.code = new Uint16Array(value.length);
    if (said["kind"] === "name") {
      const colours = said["colours"] as string[];
      for (let i = 0; i < value.length; i++) this.code[i] = value[i]! < 0 ? colours.length : value[i]!;
      const other = said["other"] as string;
      this.palette = [...colours, other].map((c, i) => (this.chosenName === null || this.chosenName === i ? c : faded()));
      this.names(said, value);
    } else {
      const [low, high] = this.range(value);
      const at = (v: number) => (this.log ? Math.log10(v) : v);
      const [a, b] = [at(low), at(high)];
      for (let i = 0; i < value.length; i++) {
        const v = at(value[i]!);
        this.code[i] = Number.isFinite(v) ? Math.max(0, Math.min(255, Math.round((255 * (v - a)) / (b - a || 1)))) : MISSING;
      }
      this.palette = [...this.survey.number_colours, faded()];
      this.bar(said, low, high);
    }
    if (this.chair) this.palette.push(ink());
    const size = this.size();
    const sizes = this.bigger ? Array.from({ length: 10 }, (_, i) => size * (0.6 + 0.25 * i)) : size;
    await this.points.draw({ code: this.code, palette: this.palette, grey: faded(), sizes, bigger: this.bigger, guest: this.chair });
    const [n, all] = [this.row.length, this.survey.objects];
    const lacks = this.shown.kind === "sky" ? "have a position" : `have both values${this.shown.kind === "scatter" && /[xy]/.test(this.shown.log) ? ", above 0 where logarithms are taken" : ""}`;
    if (this.shown.kind !== "map" && n < all) byId("legend").append(el("small", { id: "lacks" }, `${n.toLocaleString("en")} of ${all.toLocaleString("en")} objects ${lacks}`));
    byId("plot").dataset["guest"] = this.chair ? this.visitor!.name : "";
    document.body.dataset["drawn"] = String(Number(document.body.dataset["drawn"] ?? 0) + 1);
  }

  private size(): number {
    const crowded = this.row.length > 20_000 ? 3 : 5;
    return byId("plot").clientWidth < 500 ? Math.min(crowded, 3) : crowded;
  }

  private range(values: ArrayLike<number>): [number, number] {
    const [low, high] = ranked(values, [this.clip / 100, 1 - this.clip / 100], this.log);
    return [low ?? 0, high ?? 1];
  }

  private names(said: Record<string, unknown>, value: ArrayLike<number>): void {
    const [names, colours] = [said["names"] as string[], said["colours"] as string[]];
    const counts = new Array<number>(names.length + 1).fill(0);
    for (let i = 0; i < value.length; i++) counts[value[i]! < 0 ? names.length : value[i]!]!++;
    const entry = (name: string, code: number, colour: string) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.backgroundColor = colour;
      const pressed = this.chosenName === code;
      const pick = () => {
        this.chosenName = pressed ? null : code;
        void this.paint();
      };
      return el("button", { type: "button", "aria-pressed": String(pressed), click: pick, title: "Keep the others grey" },
        swatch, name, el("small", {}, String(counts[code])));
    };
    const shown = names.map((name, code) => entry(name, code, colours[code]!));
    if (counts[names.length]) shown.push(entry("none or other", names.length, said["other"] as string));
    const shared = new Set(colours).size < colours.length && el("small", { id: "shared" }, "Some share a colour: click a name to see it alone.");
    byId("legend").replaceChildren(...shown, ...(shared ? [shared] : []));
  }

  private bar(said: Record<string, unknown>, low: number, high: number): void {
    const bar = el("span", { class: "bar", role: "img", "aria-label": `from ${number(low)} to ${number(high)}` });
    const stops = this.survey.number_colours.filter((_, i) => i % 15 === 0);
    bar.style.backgroundImage = `linear-gradient(to right, ${stops.join(",")})`;
    const unit = said["unit"] ? ` [${String(said["unit"])}]` : "";
    const log = el("input", { type: "checkbox", change: () => { this.log = log.checked; void this.paint(); } });
    log.checked = this.log;
    byId("legend").replaceChildren(
      el("span", {}, `${String(said["name"])}${unit}`), el("span", {}, number(low)), bar, el("span", {}, number(high)),
      el("label", {}, log, "log"),
      choice("clip", ["0", "1", "5"].map((v) => ({ value: v, text: `${v} %` })), String(this.clip), (v) => {
        this.clip = Number(v);
        void this.paint();
      }),
    );
  }

  private async hover(point: number): Promise<void> {
    const card = byId("card");
    if (point >= this.row.length) return this.card(point, [el("b", {}, this.visitor?.name ?? ""), el("span", {}, "a file of your own, where its neighbours are")]);
    let told: Card;
    try {
      told = await json<Card>("card", { row: Number(this.row[point]) });
    } catch {
      card.hidden = true;
      return;
    }
    const said = [told.class ?? "no class", told.split].filter(Boolean).join(", ");
    const classified = told.predicted ? `classified ${told.predicted} (${Math.round(100 * (told.probability ?? 0))} %)` : "";
    this.card(point, [el("b", {}, told.object_id), el("span", {}, said), el("span", {}, classified)]);
  }

  private card(point: number, parts: HTMLElement[]): void {
    const card = byId("card");
    const [x, y] = this.points.at(point) ?? [0, 0];
    card.replaceChildren(...parts);
    card.hidden = false;
    const room = byId("plot").clientWidth - card.offsetWidth - 8;
    card.style.left = `${Math.max(4, Math.min(x + 12, room))}px`;
    card.style.top = `${Math.max(4, y - card.offsetHeight - 8)}px`;
  }
}

function name(place: Place): string {
  if (place.kind === "map") return `Map by ${place.name}`;
  return place.kind === "sky" ? `Sky, ${place.frame},` : `${place.y} against ${place.x}`;
}

function ink(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
}

function faded(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--faded").trim();
}
