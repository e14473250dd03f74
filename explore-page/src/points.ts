// The points of the map: drawn by regl-scatterplot, which holds all of them, or of a crowd those
// in view (crowd.ts). What is said of points here goes by their number among all.
import createScatterplot from "regl-scatterplot";
import { drawDensity, enclosed, held, within, type Box, type Crowd } from "./crowd";
import { byId } from "./dom";
import type { At } from "./marks";
import type { Screen } from "./space";

const SETTLED = 120; // milliseconds without a move, after which the renderer is given others
const STOOD = 250; // milliseconds without a move, after which the address tells the view
const UNSEEN = 1e-4; // opacity of the points that stand in a density for pointing

// Where the camera looks, and from how far; nearer than 1 is zoomed in.
export type Camera = [number, number, number];
export const HOME: Camera = [0, 0, 1];

export interface Look {
  code: Uint16Array;
  palette: string[];
  grey: string;
  sizes: number | number[];
  bigger: Uint8Array | null;
  guest: [number, number] | null; // a point more, of the last colour and size
}

export interface Asked {
  over: (point: number | null) => void;
  clicked: (point: number) => void;
  lassoed: (points: number[]) => void;
  moved: () => void;
  stood: (camera: Camera) => void; // after moves
}

export class Points {
  private plot: ReturnType<typeof createScatterplot>;
  private crowd: Crowd = { points: new Int32Array(0), dense: false, box: null };
  private back = new Int32Array(0); // where the renderer holds a point, -1 of what it does not
  private look: Look | null = null;
  private kept: number[] | null = null; // the points that are not grey; null where none is
  private mask: Uint8Array | null = null; // the same for each point
  private active: number[] = []; // what the renderer holds as selected, by its own numbers
  private dress = "";
  private drawing: Promise<void> | null = null;
  private stale = false;
  private indexed = false;
  private ends: [number, number] = [0, 0];
  private frames = 0;
  private settling = 0;
  private standing = 0;
  x: Float32Array = new Float32Array(0);
  y: Float32Array = new Float32Array(0);

  constructor(private crowded: number, private asked: Asked) {
    const canvas = byId<HTMLCanvasElement>("points");
    this.plot = createScatterplot({
      canvas, width: "auto", height: "auto", colorBy: "valueA", pointSize: 4, pointSizeSelected: 0.5, pointOutlineWidth: 0.01,
      pointColor: ["#888888"], opacity: 0.8, deselectOnEscape: false, lassoOnLongPress: false, pointScaleMode: "asinh",
      lassoInitiator: false, spatialIndexUseWorker: false,
    });
    // the renderer answers a double click with an inline style sheet, which the page forbids
    canvas.addEventListener("dblclick", (event) => event.stopImmediatePropagation(), true);
    let around = false; // a lasso around one object selects it, a click opens it
    this.plot.subscribe("lassoStart", () => (around = true));
    this.plot.subscribe("lassoEnd", ({ coordinates }) => {
      around = false;
      if (!this.crowd.dense) return;
      const found = enclosed(this.x, this.y, coordinates as unknown as [number, number][]); // not as its types say
      if (found.length) this.asked.lassoed(found);
    });
    // a lasso around nothing changes nothing: what stands beside stays marked
    this.plot.subscribe("deselect", () => {
      this.active = [];
      queueMicrotask(() => this.coloured());
    });
    this.plot.subscribe("select", ({ points }) => {
      this.active = Array.from(points);
      const found = this.active.filter((held) => held < this.crowd.points.length).map((held) => this.crowd.points[held]!);
      if (!around && points.length === 1 && found.length) this.asked.clicked(found[0]!);
      else if (found.length && !this.crowd.dense) this.asked.lassoed(found);
      if (this.crowd.dense) queueMicrotask(() => this.coloured());
    });
    this.plot.subscribe("pointOver", (held) => this.asked.over(this.crowd.points[held] ?? this.x.length));
    this.plot.subscribe("pointOut", () => this.asked.over(null));
    this.plot.subscribe("draw", () => this.asked.moved());
    this.plot.subscribe("view", () => {
      this.asked.moved();
      clearTimeout(this.standing);
      this.standing = window.setTimeout(() => this.asked.stood(this.camera()), STOOD);
      if (this.x.length <= this.crowded) return;
      if (this.crowd.dense) this.frames ||= requestAnimationFrame(() => this.density());
      clearTimeout(this.settling);
      this.settling = window.setTimeout(() => this.settle(), SETTLED);
    });
  }

  // Take the colours of the page's theme.
  dressed(back: string, ink: string): void {
    this.plot.set({ backgroundColor: back, lassoColor: ink, reticleColor: ink });
  }

  // Take other points; nothing is drawn before their colours come.
  take(x: Float32Array, y: Float32Array): void {
    [this.x, this.y, this.look] = [x, y, null];
    [this.kept, this.mask] = [null, null];
    // two points far from each other tell where everything is on the screen
    const far = (i: number) => Math.abs(x[i]! - x[0]!) * Math.abs(y[i]! - y[0]!);
    this.ends = [0, x.reduce((best, _, i) => (far(i) > far(best) ? i : best), 0)];
    this.hold(null);
  }

  // Draw the points as they are to look; what changes meanwhile is drawn after it, once.
  draw(look: Look): Promise<void> {
    if (!this.look?.guest !== !look.guest) this.indexed = false;
    const shown = this.look !== null;
    this.look = look;
    const drawn = this.drawn();
    if (!this.crowd.dense || !shown) return drawn;
    this.density(); // what is seen is there at once; what is pointed at follows
    return Promise.resolve();
  }

  // Let some points keep their colours, and make the others grey; null for none grey.
  keep(points: number[] | null): void {
    if (!points && !this.kept) return this.asked.moved(); // a density stays as it is
    this.kept = points;
    this.mask = null;
    if (points && this.x.length > this.crowded) {
      this.mask = new Uint8Array(this.x.length);
      for (const point of points) this.mask[point] = 1;
    }
    this.coloured();
  }

  // Where a point is on the screen; the guest is the one after all.
  at(point: number): At | undefined {
    const screen = this.screen();
    const guest = point === this.x.length ? this.look?.guest : null;
    if (!screen) return this.plot.getScreenPosition(this.back[point] ?? this.crowd.points.length) as At | undefined;
    const [x, y] = guest ?? [this.x[point]!, this.y[point]!];
    return [screen.at[0] + screen.scale[0] * x, screen.at[1] + screen.scale[1] * y];
  }

  // How coordinates become pixels; null before anything is drawn, or where no two points differ.
  screen(): Screen | null {
    const [a, b] = this.ends;
    const [p, q] = this.x.length > 1 && this.look ? [this.plot.getScreenPosition(this.back[a]!), this.plot.getScreenPosition(this.back[b]!)] : [undefined, undefined];
    if (!p || !q || this.x[a] === this.x[b] || this.y[a] === this.y[b]) return null;
    const scale: [number, number] = [(q[0] - p[0]) / (this.x[b]! - this.x[a]!), (q[1] - p[1]) / (this.y[b]! - this.y[a]!)];
    return { scale, at: [p[0] - scale[0] * this.x[a]!, p[1] - scale[1] * this.y[a]!] };
  }

  camera(): Camera {
    const [x, y] = this.plot.get("cameraTarget") as unknown as [number, number];
    return [x, y, this.plot.get("cameraDistance") as unknown as number];
  }

  async fly([x, y, distance]: Camera, smooth = false): Promise<void> {
    await this.plot.zoomToLocation([x, y], Math.min(Math.max(distance, 1e-5), 10), smooth ? { transition: true, transitionDuration: 200 } : {});
  }

  // The points that lie in what is shown.
  inView(): number[] {
    const screen = this.screen();
    const [every, { x, y }] = [Array.from(this.x.keys()), this.inSight(screen)];
    return every.filter((point) => this.x[point]! >= x[0] && this.x[point]! <= x[1] && this.y[point]! >= y[0] && this.y[point]! <= y[1]);
  }

  // What is shown, in coordinates of the points.
  private inSight(screen: Screen | null): Box {
    const canvas = byId("points");
    const along = (axis: 0 | 1, pixels: number): [number, number] => {
      const ends = screen ? [0, pixels].map((pixel) => (pixel - screen.at[axis]) / screen.scale[axis]) : [-Infinity, Infinity];
      return [Math.min(...ends), Math.max(...ends)];
    };
    return { x: along(0, canvas.clientWidth), y: along(1, canvas.clientHeight) };
  }

  async lasso(kind: "freeform" | "rectangle" | null): Promise<void> {
    await this.plot.set({ mouseMode: kind ? "lasso" : "panZoom", ...(kind ? { lassoType: kind } : {}) });
  }

  // Choose what the renderer holds of the points in view.
  private hold(view: Box | null): void {
    this.crowd = held(this.x, this.y, this.ends, view, this.crowded);
    this.back = new Int32Array(this.x.length).fill(-1);
    this.crowd.points.forEach((point, i) => (this.back[point] = i));
    this.indexed = false;
  }

  // After a move: zoomed in, the renderer is given the points in view; outside of these, others.
  private settle(): void {
    const screen = this.screen();
    if (!screen || !this.look || this.drawing) return;
    const view = this.inSight(screen);
    if (!this.crowd.dense && within(view, this.crowd.box)) return;
    this.hold(view);
    void this.drawn();
  }

  private drawn(): Promise<void> {
    this.stale = true;
    return (this.drawing ??= this.redrawn().finally(() => (this.drawing = null)));
  }

  private async redrawn(): Promise<void> {
    while (this.stale) {
      // the renderer draws after this frame for it: the points are there by then
      if (this.dressUp()) await new Promise(requestAnimationFrame);
      this.stale = false;
      const look = this.look;
      if (!look) continue; // other points are shown by now, whose colours come
      // the index of the points stays: only their colours change
      const spatialIndex = this.indexed ? this.plot.get("spatialIndex") : undefined;
      this.active = this.chosen();
      this.indexed = true;
      const [gx, gy] = look.guest ?? [];
      await this.plot.draw(
        {
          x: this.some(this.x, gx), y: this.some(this.y, gy), z: this.some(look.code, look.guest ? look.palette.length - 1 : undefined),
          ...(look.bigger ? { w: this.some(look.bigger, look.guest ? 9 : undefined) } : {}),
        },
        { zDataType: "categorical", wDataType: "categorical", select: this.active, ...(spatialIndex ? { spatialIndex } : {}) },
      );
    }
    this.density();
    this.asked.moved();
  }

  // Of all values those of the points that the renderer holds, and one more.
  private some<T extends Float32Array | Uint16Array | Uint8Array>(values: T, last: number | undefined): T {
    const { points } = this.crowd;
    const all = points.length === values.length;
    if (all && last === undefined) return values;
    const found = new (values.constructor as new (n: number) => T)(points.length + Number(last !== undefined));
    if (all) found.set(values as never);
    else for (let i = 0; i < points.length; i++) found[i] = values[points[i]!]!;
    if (last !== undefined) found[points.length] = last;
    return found;
  }

  // The kept points by the renderer's numbers; in a density it has none to show.
  private chosen(): number[] {
    if (!this.kept || this.crowd.dense) return [];
    return this.kept.map((point) => this.back[point]!).filter((held) => held >= 0);
  }

  // Colours of the points as they are kept: this alone draws no points anew.
  private coloured(): void {
    const chosen = this.chosen();
    if (chosen.length !== this.active.length || chosen.some((held, i) => held !== this.active[i])) {
      this.active = chosen;
      this.plot.select(chosen, { preventEvent: true });
    }
    if (this.look && !this.drawing) {
      this.dressUp();
      this.density();
    }
    this.asked.moved();
  }

  // Give the renderer colours and sizes, where they are others than it has; tells whether.
  private dressUp(): boolean {
    if (!this.look) return false;
    const { palette, grey, sizes, bigger, guest } = this.look;
    const last = guest ? palette.length - 1 : -1;
    const colours = this.kept ? palette.map((colour, i) => (i === last ? colour : grey)) : palette;
    // a colour each, which the renderer's own types do not tell
    const each = palette as unknown as string;
    const dress = { pointColor: colours, pointColorActive: each, pointColorHover: each, pointSize: sizes, sizeBy: bigger ? ("valueB" as const) : undefined, opacity: this.crowd.dense ? UNSEEN : 0.8 };
    if (this.dress === (this.dress = JSON.stringify(dress))) return false;
    this.plot.set(dress);
    return true;
  }

  // The density of a crowd, or nothing.
  private density(): void {
    this.frames = 0;
    const canvas = byId<HTMLCanvasElement>("density");
    const screen = this.crowd.dense ? this.screen() : null;
    canvas.hidden = !screen;
    byId("plot").dataset["drawnAs"] = screen ? "density" : "points";
    if (!screen || !this.look) return;
    const { code, palette, grey, bigger } = this.look;
    drawDensity(canvas, this.x, this.y, screen, { code, palette, grey, marked: this.mask, weight: bigger });
  }
}
