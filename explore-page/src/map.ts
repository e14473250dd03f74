// The map: points drawn by regl-scatterplot, their colours, and the legend.
import createScatterplot from "regl-scatterplot";
import { arrow, json, type Card, type Columns, type Match, type Survey } from "./api";
import { byId, choice, el, number } from "./dom";
import { drawRings, FEW, type At } from "./marks";
import { centreOf, drawAxes, drawSky, fitted, mollweide, wipe, type Axis, type Fit, type Place, type Screen } from "./space";

const NEAREST = 5; // neighbours that tell where a file of one's own belongs
const MISSING = 256; // code of what has no number; of names it is the code after the last

export interface Chosen { map: string; colour: string }

export class SkyMap {
  private plot: ReturnType<typeof createScatterplot>;
  private x: Float32Array = new Float32Array(0);
  private y: Float32Array = new Float32Array(0);
  private code = new Uint16Array(0);
  private palette: string[] = [];
  private place = new Int32Array(0); // the point of a row, -1 of what is not shown
  private chosenName: number | null = null;
  private colours: Columns | null = null;
  private log = false;
  private clip = 1;
  private marked: number[] = [];
  private greyed = false; // what is not marked
  private drawnAround: number[] = []; // what the renderer holds as selected
  private dress = "";
  private drawing: Promise<void> | null = null;
  private stale = false;
  private sorted: { column: ArrayLike<number>; known: Float32Array } | null = null;
  private indexed = false;
  private shown: Place = { kind: "map", name: "" };
  private fit: Fit = { middle: [0, 0], half: [1, 1] };
  private axes: [Axis, Axis] | null = null;
  private signs: [number, number] = [1, 1];
  private ends: [number, number] = [0, 0];
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
    const canvas = byId<HTMLCanvasElement>("points");
    this.plot = createScatterplot({
      canvas, width: "auto", height: "auto", colorBy: "valueA", pointSize: 4, pointSizeSelected: 0.5, pointOutlineWidth: 0.01,
      pointColor: ["#888888"], opacity: 0.8, deselectOnEscape: false, lassoOnLongPress: false, pointScaleMode: "asinh",
      lassoInitiator: false, spatialIndexUseWorker: false,
    });
    let drawing = false; // a lasso around one object selects it, a click opens it
    this.plot.subscribe("lassoStart", () => (drawing = true));
    this.plot.subscribe("lassoEnd", () => (drawing = false));
    // a lasso around nothing changes nothing: what stands beside stays marked
    this.plot.subscribe("deselect", () => {
      this.drawnAround = [];
      queueMicrotask(() => this.ringed());
    });
    this.plot.subscribe("select", ({ points }) => {
      byId("card").hidden = true;
      this.drawnAround = Array.from(points);
      const rows = points.filter((point) => point < this.row.length).map((point) => Number(this.row[point]));
      if (!drawing && points.length === 1 && rows.length) this.opened(rows[0]!);
      else if (rows.length) this.selected(rows);
    });
    let waiting = 0;
    this.plot.subscribe("pointOver", (point) => {
      clearTimeout(waiting);
      waiting = window.setTimeout(() => void this.hover(point), 40);
    });
    this.plot.subscribe("pointOut", () => {
      clearTimeout(waiting);
      byId("card").hidden = true;
    });
    for (const event of ["view", "draw"] as const) this.plot.subscribe(event, () => this.frame());
    this.dressed();
  }

  // Take the colours of the page's theme.
  dressed(): void {
    const style = getComputedStyle(document.documentElement);
    const [back, ink] = ["--back", "--ink"].map((name) => style.getPropertyValue(name).trim()) as [string, string];
    this.plot.set({ backgroundColor: back, lassoColor: ink, reticleColor: ink });
  }

  // Show what a file holds where its nearest neighbours on the map are; says what that means.
  async guest(own: { name: string; matches: Match[] } | null): Promise<string> {
    if (!own && !this.visitor) return "";
    this.visitor = own;
    const said = this.seat();
    if (this.colours) await this.paint();
    return said;
  }

  // The place of the visitor: the mean of its neighbours, weighted by their nearness.
  private seat(): string {
    this.indexed = false;
    this.chair = null;
    if (!this.visitor) return "";
    if (this.shown.kind !== "map") return "It has no place in this view, only on a map of the embeddings.";
    const near = this.visitor.matches.filter(({ row }) => this.has(row)).slice(0, NEAREST);
    if (!near.length) return "None of its neighbours is on this map, so it has no place there.";
    const weight = near.map(({ cosine }) => 1 / (1e-3 + 1 - cosine));
    const total = weight.reduce((a, b) => a + b);
    const at = near.map(({ row }) => this.place[row]!);
    const mean = (values: Float32Array) => at.reduce((sum, point, i) => sum + weight[i]! * values[point]!, 0) / total;
    const [x, y] = [mean(this.x), mean(this.y)];
    const apart = Math.sqrt(at.reduce((sum, point, i) => sum + weight[i]! * ((this.x[point]! - x) ** 2 + (this.y[point]! - y) ** 2), 0) / total);
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
    ({ x: this.x, y: this.y, fit: this.fit } = fitted(x, y, wide));
    this.shown = place;
    this.row = row;
    this.bigger = null;
    // two points far from each other tell where everything is on the screen
    this.ends = [0, this.x.reduce((best, v, i) => (Math.abs(v - this.x[0]!) * Math.abs(this.y[i]! - this.y[0]!) > Math.abs(this.x[best]! - this.x[0]!) * Math.abs(this.y[best]! - this.y[0]!) ? i : best), 0)];
    this.indexed = false;
    this.place = new Int32Array(this.survey.objects).fill(-1);
    for (let i = 0; i < row.length; i++) this.place[row[i]!] = i;
    [this.marked, this.greyed] = [[], false];
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
      const known = finite(value);
      // half of the points stay the smallest, one in a hundred becomes the largest
      const steps = [0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.97, 0.98, 0.99].map((share) => known[Math.floor(share * (known.length - 1))] ?? Infinity);
      this.bigger = Uint8Array.from(value, (v) => steps.filter((step) => v > step).length);
    }
    if (this.colours) await this.paint();
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
    const [a, b] = this.ends;
    const [p, q] = this.x.length > 1 && this.colours ? [this.plot.getScreenPosition(a), this.plot.getScreenPosition(b)] : [undefined, undefined];
    if (this.shown.kind === "map" || !p || !q || this.x[a] === this.x[b] || this.y[a] === this.y[b]) return wipe(canvas);
    const scale: [number, number] = [(q[0] - p[0]) / (this.x[b]! - this.x[a]!), (q[1] - p[1]) / (this.y[b]! - this.y[a]!)];
    const screen: Screen = { scale, at: [p[0] - scale[0] * this.x[a]!, p[1] - scale[1] * this.y[a]!] };
    if (this.shown.kind === "sky") drawSky(canvas, this.fit, screen, this.shown.frame);
    else if (this.axes) drawAxes(canvas, this.fit, screen, this.axes, this.signs, this.shown.log);
  }

  // Mark what is looked at, or what is selected: then the others become grey.
  mark(rows: number[], selected = false): void {
    this.greyed = selected && rows.length > 0;
    this.marked = rows.map((row) => this.place[row] ?? -1).filter((point) => point >= 0);
    this.ringed();
  }

  // Rings cost no drawing of the points.
  private ringed(): void {
    const active = this.active();
    const held = this.drawnAround;
    if (active.length !== held.length || active.some((point, i) => point !== held[i])) {
      this.drawnAround = active;
      this.plot.select(active, { preventEvent: true });
    }
    if (this.colours && !this.drawing) this.dressUp();
    this.rings();
  }

  private active(): number[] {
    return this.greyed ? this.marked : [];
  }

  private rings(): void {
    const few = this.marked.length > FEW || !this.colours ? [] : this.marked;
    const places = [...few, ...(this.chair && this.colours ? [this.x.length] : [])].map((point) => this.plot.getScreenPosition(point));
    drawRings(byId<HTMLCanvasElement>("marks"), places.filter((at): at is At => at !== undefined));
  }

  has(row: number): boolean {
    return (this.place[row] ?? -1) >= 0;
  }

  async home(): Promise<void> {
    await this.plot.zoomToOrigin({ transition: true, transitionDuration: 200 });
  }

  async lasso(kind: "freeform" | "rectangle" | null): Promise<void> {
    await this.plot.set({ mouseMode: kind ? "lasso" : "panZoom", ...(kind ? { lassoType: kind } : {}) });
  }

  where(row: number): [number, number] | null {
    return this.has(row) ? (this.plot.getScreenPosition(this.place[row]!) ?? null) : null;
  }

  private async paint(): Promise<void> {
    const { values, said } = this.colours!;
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
    await this.points();
    const [n, all] = [this.row.length, this.survey.objects];
    const lacks = this.shown.kind === "sky" ? "have a position" : `have both values${this.shown.kind === "scatter" && /[xy]/.test(this.shown.log) ? ", above 0 where logarithms are taken" : ""}`;
    if (this.shown.kind !== "map" && n < all) byId("legend").append(el("small", { id: "lacks" }, `${n.toLocaleString("en")} of ${all.toLocaleString("en")} objects ${lacks}`));
    byId("plot").dataset["guest"] = this.chair ? this.visitor!.name : "";
    document.body.dataset["drawn"] = String(Number(document.body.dataset["drawn"] ?? 0) + 1);
  }

  // Give the renderer colours and sizes, where they are others than it has; tells whether.
  private dressUp(): boolean {
    const size = this.size();
    const sizes = this.bigger ? Array.from({ length: 10 }, (_, i) => size * (0.6 + 0.25 * i)) : size;
    const guest = this.chair ? [this.palette.length - 1] : [];
    const grey = this.greyed ? this.palette.map((colour, i) => (guest.includes(i) ? colour : faded())) : this.palette;
    // a colour each, which the renderer's own types do not tell
    const each = this.palette as unknown as string;
    const dress = { pointColor: grey, pointColorActive: each, pointColorHover: each, pointSize: sizes, sizeBy: this.bigger ? ("valueB" as const) : undefined };
    if (this.dress === (this.dress = JSON.stringify(dress))) return false;
    this.plot.set(dress);
    return true;
  }

  // Draw the points as everything stands now; what changes meanwhile is drawn after it, once.
  private points(): Promise<void> {
    this.stale = true;
    return (this.drawing ??= this.redrawn().finally(() => (this.drawing = null)));
  }

  private async redrawn(): Promise<void> {
    while (this.stale) {
      // the renderer draws after this frame for it: the points are there by then
      if (this.dressUp()) await new Promise(requestAnimationFrame);
      this.stale = false;
      if (!this.colours) continue; // other points are shown by now, whose colours come
      // the index of the points stays: only their colours change
      const spatialIndex = this.indexed ? this.plot.get("spatialIndex") : undefined;
      const more = <T extends Float32Array | Uint16Array | Uint8Array>(values: T, last: number): T => {
        if (!this.chair) return values;
        const longer = new (values.constructor as new (n: number) => T)(values.length + 1);
        longer.set(values as never);
        longer[values.length] = last;
        return longer;
      };
      this.drawnAround = this.active();
      this.indexed = true;
      await this.plot.draw(
        {
          x: more(this.x, this.chair?.[0] ?? 0), y: more(this.y, this.chair?.[1] ?? 0), z: more(this.code, this.palette.length - 1),
          ...(this.bigger ? { w: more(this.bigger, 9) } : {}),
        },
        { zDataType: "categorical", wDataType: "categorical", select: this.drawnAround, ...(spatialIndex ? { spatialIndex } : {}) },
      );
    }
    this.rings();
  }

  private size(): number {
    const crowded = this.x.length > 200_000 ? 2 : this.x.length > 20_000 ? 3 : 5;
    return byId("plot").clientWidth < 500 ? Math.min(crowded, 3) : crowded;
  }

  private range(values: ArrayLike<number>): [number, number] {
    if (this.sorted?.column !== values) this.sorted = { column: values, known: finite(values) };
    let known = this.sorted.known;
    if (this.log) known = known.filter((v) => v > 0);
    if (!known.length) return [0, 1];
    const at = (share: number) => known[Math.min(known.length - 1, Math.round(share * (known.length - 1)))]!;
    return [at(this.clip / 100), at(1 - this.clip / 100)];
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
    const [x, y] = this.plot.getScreenPosition(point) ?? [0, 0];
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

// What is a number, in order.
function finite(values: ArrayLike<number>): Float32Array {
  return new Float32Array(values).filter(Number.isFinite).sort();
}

function ink(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
}

function faded(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--faded").trim();
}
