// The map: points drawn by regl-scatterplot, their colours, and the legend.
import createScatterplot from "regl-scatterplot";
import { arrow, json, type Card, type Columns, type Survey } from "./api";
import { byId, choice, el, number } from "./dom";

const MISSING = 256; // code of what has no number; of names it is the code after the last

export interface Chosen { map: string; colour: string }

export class SkyMap {
  private plot: ReturnType<typeof createScatterplot>;
  private x: Float32Array = new Float32Array(0);
  private y: Float32Array = new Float32Array(0);
  private code = new Uint16Array(0);
  private palette: string[] = [];
  private place = new Map<number, number>();
  private chosenName: number | null = null;
  private colours: Columns | null = null;
  private log = false;
  private clip = 1;
  private marked: number[] = [];
  private indexed = false;
  row: ArrayLike<number> = [];

  constructor(
    private survey: Survey,
    private opened: (row: number) => void,
    private selected: (rows: number[]) => void,
  ) {
    const canvas = byId<HTMLCanvasElement>("points");
    this.plot = createScatterplot({
      canvas, width: "auto", height: "auto", colorBy: "valueA", pointSize: 4, pointSizeSelected: 4, pointOutlineWidth: 2,
      pointColor: ["#888888"], opacity: 0.8, deselectOnEscape: false, lassoOnLongPress: false, pointScaleMode: "asinh",
      lassoInitiator: false, spatialIndexUseWorker: false,
    });
    this.plot.subscribe("select", ({ points }) => {
      byId("card").hidden = true;
      if (points.length === 1) this.opened(Number(this.row[points[0]!]));
      else if (points.length) this.selected(points.map((point) => Number(this.row[point])));
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
    this.dressed();
  }

  // Take the colours of the page's theme.
  dressed(): void {
    const style = getComputedStyle(document.documentElement);
    const [back, ink] = ["--back", "--ink"].map((name) => style.getPropertyValue(name).trim()) as [string, string];
    this.plot.set({ backgroundColor: back, pointColorActive: ink, pointColorHover: ink, lassoColor: ink, reticleColor: ink });
  }

  async open(name: string): Promise<void> {
    const { x, y, row } = (await arrow("map", { name })).values as { x: Float32Array; y: Float32Array; row: Int32Array };
    [this.x, this.y] = fitted(x, y);
    this.row = row;
    this.indexed = false;
    this.place = new Map(Array.from(row, (value, index) => [value, index]));
    this.colours = null;
    byId("points").setAttribute("aria-label", `Map of ${row.length} objects by ${name}. Use the search, or n and p, to open objects.`);
  }

  async colour(map: string, name: string): Promise<void> {
    this.colours = await arrow("column", { map, name });
    this.chosenName = null;
    await this.paint();
  }

  mark(rows: number[]): void {
    this.marked = rows.map((row) => this.place.get(row)).filter((point): point is number => point !== undefined);
    this.plot.select(this.marked, { preventEvent: true });
  }

  has(row: number): boolean {
    return this.place.has(row);
  }

  async home(): Promise<void> {
    await this.plot.zoomToOrigin({ transition: true, transitionDuration: 200 });
  }

  async lasso(on: boolean): Promise<void> {
    await this.plot.set({ mouseMode: on ? "lasso" : "panZoom" });
  }

  where(row: number): [number, number] | null {
    const point = this.place.get(row);
    return point === undefined ? null : (this.plot.getScreenPosition(point) ?? null);
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
    // the index of the points stays: only their colours change
    const spatialIndex = this.indexed ? this.plot.get("spatialIndex") : undefined;
    this.plot.set({ pointColor: this.palette, pointSize: this.size() });
    await this.plot.draw(
      { x: this.x, y: this.y, z: this.code },
      { zDataType: "categorical", ...(spatialIndex ? { spatialIndex } : {}) },
    );
    this.indexed = true;
    this.plot.select(this.marked, { preventEvent: true });
    document.body.dataset["drawn"] = String(Number(document.body.dataset["drawn"] ?? 0) + 1);
  }

  private size(): number {
    const crowded = this.x.length > 200_000 ? 2 : this.x.length > 20_000 ? 3 : 5;
    return byId("plot").clientWidth < 500 ? Math.min(crowded, 3) : crowded;
  }

  private range(values: ArrayLike<number>): [number, number] {
    const known = Float32Array.from(Array.from(values).filter((v) => Number.isFinite(v) && (!this.log || v > 0))).sort();
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
    byId("legend").replaceChildren(...shown);
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
    let told: Card;
    try {
      told = await json<Card>("card", { row: Number(this.row[point]) });
    } catch {
      card.hidden = true;
      return;
    }
    const [x, y] = this.plot.getScreenPosition(point) ?? [0, 0];
    const said = [told.class ?? "no class", told.split].filter(Boolean).join(", ");
    const classified = told.predicted ? `classified ${told.predicted} (${Math.round(100 * (told.probability ?? 0))} %)` : "";
    card.replaceChildren(el("b", {}, told.object_id), el("span", {}, said), el("span", {}, classified));
    card.hidden = false;
    const room = byId("plot").clientWidth - card.offsetWidth - 8;
    card.style.left = `${Math.max(4, Math.min(x + 12, room))}px`;
    card.style.top = `${Math.max(4, y - card.offsetHeight - 8)}px`;
  }
}

function faded(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--faded").trim();
}

// Positions in [-0.95, 0.95], one scale for both axes.
function fitted(x: Float32Array, y: Float32Array): [Float32Array, Float32Array] {
  const ends = (v: Float32Array) => v.reduce(([a, b], w) => [Math.min(a, w), Math.max(b, w)] as [number, number], [Infinity, -Infinity]);
  const [[a, b], [c, d]] = [ends(x), ends(y)];
  const half = Math.max(b - a, d - c) / 1.9 || 1;
  return [x.map((v) => (v - (a + b) / 2) / half), y.map((v) => (v - (c + d) / 2) / half)];
}
