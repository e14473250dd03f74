// The map: which points, their colours, and the legend.
import { arrow, json, type Card, type Columns, type Match, type Survey } from "./api";
import { byId, el } from "./dom";
import { CLIPS, drawBar, drawNames, REST, type Scale } from "./legend";
import { drawRings, FEW, type At } from "./marks";
import { HOME, Points, type Camera } from "./points";
import { ranked } from "./ranked";
import { centreOf, drawAxes, drawSky, fitted, mollweide, wipe, type Axis, type Doubles, type Fit, type Place } from "./space";
import type { View } from "./state";

const NEAREST = 5; // neighbours that tell where a file of one's own belongs
const MISSING = 256; // code of what has no number; of names it is the code after the last

// How the colours of a column are laid on, as the address tells it.
type Shade = Partial<Pick<View, "scale" | "clip" | "only">>;

export interface Hooks {
  opened: (row: number) => void;
  selected: (rows: number[], said: string) => void;
  changed: (part: Partial<Pick<View, "scale" | "clip" | "only" | "zoom">>) => void;
}

export class SkyMap {
  private points: Points;
  private code = new Uint16Array(0);
  private palette: string[] = [];
  private place = new Int32Array(0); // the point of a row, -1 of what is not shown
  private chosenName: number | null = null;
  private colours: Columns | null = null;
  private scale: Scale = { log: false, clip: 1 };
  private hidden: string[] = []; // parts of the split that are grey
  private parts: { code: ArrayLike<number>; names: string[] } | null = null;
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

  constructor(private survey: Survey, private hooks: Hooks) {
    let waiting = 0;
    this.points = new Points(survey.crowd, {
      clicked: (point) => {
        byId("card").hidden = true;
        hooks.opened(Number(this.row[point]));
      },
      lassoed: (points) => {
        byId("card").hidden = true;
        this.select(points, "lasso");
      },
      over: (point) => {
        clearTimeout(waiting);
        if (point === null) byId("card").hidden = true;
        else waiting = window.setTimeout(() => void this.hover(point), 40);
      },
      moved: () => this.frame(),
      stood: (camera) => hooks.changed({ zoom: told(camera) }),
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
    const given = values as { x: Doubles; y: Doubles; row: Int32Array };
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
    this.parts = null;
    this.seat();
    byId("points").setAttribute("aria-label", `${name(place)} of ${row.length} objects. Use the search, or n and p, to open objects.`);
    return true;
  }

  // Colour by a column; tells whether no other was asked for meanwhile.
  async colour(name: string, shade: Shade): Promise<boolean> {
    const mine = ++this.colouring;
    const found = await this.column(name);
    if (!found || mine !== this.colouring) return false;
    this.colours = found;
    const clip = CLIPS.find((one) => String(one) === shade.clip);
    this.scale = { log: shade.scale === "log", clip: clip ?? 1 };
    this.choose(shade.only ?? "");
    await this.paint();
    return mine === this.colouring;
  }

  // How the colours are laid on now, as the address tells it.
  shade(): Shade {
    const names = [...((this.colours?.said["names"] ?? []) as string[]), REST];
    const { log, clip } = this.scale;
    return { scale: log ? "log" : "", clip: clip === 1 ? "" : String(clip), only: this.chosenName === null ? "" : names[this.chosenName]! };
  }

  // Keep the colour of one name alone; "" for all.
  private choose(name: string): void {
    const names = (this.colours?.said["names"] ?? []) as string[];
    const code = [...names, REST].indexOf(name);
    this.chosenName = code < 0 ? null : code;
  }

  // Make parts of the split grey, such as `train+new`; what is in no part is new.
  async hide(hidden: string): Promise<void> {
    this.hidden = hidden ? hidden.split("+") : [];
    if (this.hidden.length && !this.parts) {
      const found = await this.column("split");
      if (!found) return;
      this.parts = { code: found.values["value"]!, names: found.said["names"] as string[] };
    }
    await this.paint();
  }

  // A column of the points that are shown; null where others are shown when it comes.
  private async column(name: string): Promise<Columns | null> {
    const [shown, rows] = [this.shown, this.row];
    const found = await arrow("column", { map: shown.kind === "map" ? shown.name : "", name });
    if (rows !== this.row) return null;
    const every = found.values["value"]!;
    if (shown.kind === "map") return found;
    const values = new Float64Array(rows.length);
    for (let i = 0; i < values.length; i++) values[i] = every[rows[i]!]!;
    return { ...found, values: { value: values } };
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
  private plotted(place: Place, { x, y, row }: { x: Doubles; y: Doubles; row: Int32Array }, said: { x?: Axis; y?: Axis }) {
    this.axes = said.x && said.y ? [said.x, said.y] : null;
    const turned = place.kind === "scatter" && place.log.includes("v");
    this.signs = this.axes ? [1, this.axes[1].magnitude !== turned ? -1 : 1] : [1, 1]; // magnitudes upside down
    if (place.kind === "map") return { x, y, row };
    if (place.kind === "sky") {
      const [u, v] = [new Float64Array(x.length), new Float64Array(x.length)];
      for (let i = 0; i < x.length; i++) [u[i], v[i]] = mollweide(x[i]!, y[i]!, centreOf(place.frame)) as [number, number];
      return { x: u, y: v, row };
    }
    const [logX, logY] = ["x", "y"].map((axis) => place.log.includes(axis));
    const kept = Array.from(row.keys()).filter((i) => (!logX || x[i]! > 0) && (!logY || y[i]! > 0));
    const along = (values: Doubles, log: boolean, sign: number) => Float64Array.from(kept, (i) => sign * (log ? Math.log10(values[i]!) : values[i]!));
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
    return this.points.fly(HOME, true);
  }

  // Look where the address says, at once; "" is the whole map.
  look(zoom: string): Promise<void> {
    const [x, y, distance] = zoom.split(",").map(Number);
    const valid = Number.isFinite(x) && Number.isFinite(y) && distance! > 0;
    const camera: Camera = valid ? [x!, y!, distance!] : HOME;
    return told(camera) === told(this.points.camera()) ? Promise.resolve() : this.points.fly(camera);
  }

  // Move by shares of what is in view, and make that so many times as large.
  step(right: number, up: number, larger = 1): Promise<void> {
    const [x, y, distance] = this.points.camera();
    return this.points.fly([x + right * distance, y + up * distance, distance * larger]);
  }

  // Select what is in view.
  inView(): void {
    this.select(this.points.inView(), "what was in view");
  }

  // Select points, but of no part that is grey; around nothing else nothing changes.
  private select(points: number[], said: string): void {
    const shown = points.filter((point) => !this.isHidden(point));
    const left = points.length - shown.length;
    if (shown.length || !left) this.hooks.selected(shown.map((point) => Number(this.row[point])), left ? `${said}, without ${left.toLocaleString("en")} in grey parts` : said);
  }

  // Whether a point lies in a part of the split that is not shown.
  private isHidden(point: number): boolean {
    if (!this.hidden.length || !this.parts) return false;
    const { code, names } = this.parts;
    return this.hidden.includes(names[code[point]!] ?? "new");
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
      drawNames(said, value, this.chosenName, (only) => { this.choose(only); this.hooks.changed({ only }); void this.paint(); });
    } else {
      const { log, clip } = this.scale;
      const ends = ranked(value, [clip / 100, 1 - clip / 100], log);
      const at = (v: number) => (log ? Math.log10(v) : v / 2); // the half: all doubles span no double
      const [a, b] = [at(ends[0] ?? NaN), at(ends[1] ?? NaN)];
      for (let i = 0; i < value.length; i++) {
        const v = at(value[i]!);
        this.code[i] = Number.isFinite(v) ? Math.max(0, Math.min(255, Math.round(255 * ((v - a) / (b - a || 1))))) : MISSING;
      }
      this.palette = [...this.survey.number_colours, faded()];
      drawBar(said, value, ends, this.survey.number_colours, this.scale, (scale) => {
        this.scale = scale;
        const { scale: laid, clip: cut } = this.shade();
        this.hooks.changed({ scale: laid, clip: cut });
        void this.paint();
      });
    }
    this.greyed();
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

  // What lies in parts that are not shown is grey, whatever its colour would be.
  private greyed(): void {
    if (!this.hidden.length || !this.parts) return;
    const grey = this.palette.push(faded()) - 1;
    for (let i = 0; i < this.code.length; i++) if (this.isHidden(i)) this.code[i] = grey;
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

// A camera as the address tells it; "" is the whole map.
function told(camera: Camera): string {
  const text = camera.map((v) => String(Number(v.toPrecision(4)))).join(",");
  return camera.every((v, i) => Math.abs(v - HOME[i]!) < 1e-3) ? "" : text;
}

function ink(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
}

function faded(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--faded").trim();
}
