// Where the points of a view lie: maps as they are, the sky by Mollweide, two columns on axes.
import { number } from "./dom";
import { digitsBetween, extent } from "./numbers";

export interface Axis { name: string; unit: string | null; magnitude: boolean }
export type Place =
  | { kind: "map"; name: string }
  | { kind: "sky"; frame: string }
  | { kind: "scatter"; x: string; y: string; log: string };

// How plotted coordinates u become those of the renderer, in [-1, 1]: (u - middle) / half.
export interface Fit { middle: [number, number]; half: [number, number] }
// How the renderer's coordinates become pixels, now.
export interface Screen { at: [number, number]; scale: [number, number] }

export type Doubles = Float32Array | Float64Array;

// In single precision, which is the renderer's, they are but here.
export function fitted(x: Doubles, y: Doubles, wide: number | null): { x: Float32Array; y: Float32Array; fit: Fit } {
  const [[a, b], [c, d]] = [extent(x), extent(y)];
  const span = (low: number, high: number, part: number) => high / part - low / part; // of all doubles it is one, too
  const both = Math.max(span(a, b, 1.9), span(c, d, 1.9)) || 1;
  // axes of their own fill the plot, which is `wide` times as wide as high
  const half: [number, number] = wide === null ? [both, both] : [span(a, b, 1.7 * Math.max(1, wide)) || 1, span(c, d, 1.7 * Math.max(1, 1 / wide)) || 1];
  const middle: [number, number] = [a / 2 + b / 2, c / 2 + d / 2];
  const laid = (values: Doubles, axis: 0 | 1) => {
    const made = new Float32Array(values.length);
    for (let i = 0; i < made.length; i++) made[i] = (values[i]! - middle[axis]) / half[axis];
    return made;
  };
  return { x: laid(x, 0), y: laid(y, 1), fit: { middle, half } };
}

// Mollweide's projection of degrees, longitudes to the left as one sees the sky; x in [-2, 2].
export function mollweide(longitude: number, latitude: number, centre: number): [number, number] {
  const lat = (latitude * Math.PI) / 180;
  let turn = ((((longitude - centre + 180) % 360) + 360) % 360) - 180;
  if (turn === -180 && longitude > centre) turn = 180;
  let theta = lat;
  for (let i = 0; i < 30 && Math.abs(latitude) < 90; i++) {
    const step = (2 * theta + Math.sin(2 * theta) - Math.PI * Math.sin(lat)) / (2 + 2 * Math.cos(2 * theta));
    theta -= step;
    if (Math.abs(step) < 1e-9) break;
  }
  return [((-turn / 90) * Math.cos(theta)), Math.sin(theta)];
}

// The middle of the sky: of the galaxy, or right ascension 180.
export const centreOf = (frame: string) => (frame === "galactic" ? 0 : 180);

// Round values between two ends, about as many as wanted.
export function ticks(low: number, high: number, wanted: number, log: boolean): { at: number; text: string }[] {
  if (log && high - low > 1) {
    const every = Math.max(1, Math.round((high - low) / wanted));
    const found = [];
    if (high - low < 3) {
      for (let i = Math.floor(low); i <= high; i++) for (const step of [1, 2, 5]) found.push({ at: i + Math.log10(step), text: number(Number((step * 10 ** i).toPrecision(3))) });
      return found.filter(({ at }) => at >= low && at <= high);
    }
    for (let i = Math.ceil(low); i <= high; i += every) found.push({ at: i, text: number(10 ** i) });
    return found;
  }
  const raw = high / wanted - low / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10);
  // counted from the first: beside a number of sixteen digits a step may be nothing
  const [first, digits] = [Math.ceil(low / step), digitsBetween(low, high, 2)];
  const found = Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => {
    const at = Number(((first + i) * step).toPrecision(Math.max(12, digits)));
    return { at, text: log ? number(10 ** at, digitsBetween(10 ** low, 10 ** high, 2, 3)) : number(at, digits) };
  });
  return found.filter(({ text }, i) => text !== found[i - 1]?.text);
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function begun(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  [canvas.width, canvas.height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio];
  const ctx = canvas.getContext("2d")!;
  ctx.scale(devicePixelRatio, devicePixelRatio);
  ctx.font = "11px system-ui";
  ctx.fillStyle = colour("--muted");
  ctx.strokeStyle = colour("--grid");
  ctx.lineWidth = 1;
  return ctx;
}

export function wipe(canvas: HTMLCanvasElement): void {
  begun(canvas);
}

// Axes along the lower and the left side, for what is in sight.
export function drawAxes(canvas: HTMLCanvasElement, fit: Fit, screen: Screen, axes: [Axis, Axis], signs: [number, number], log: string): void {
  const ctx = begun(canvas);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const pixel = (axis: 0 | 1, value: number) => screen.at[axis] + screen.scale[axis] * ((signs[axis] * value - fit.middle[axis]) / fit.half[axis]);
  const value = (axis: 0 | 1, at: number) => signs[axis] * (((at - screen.at[axis]) / screen.scale[axis]) * fit.half[axis] + fit.middle[axis]);
  const name = (axis: Axis) => (axis.unit ? `${axis.name} [${axis.unit}]` : axis.name);
  ctx.textAlign = "center";
  const [left, right] = [value(0, 0), value(0, width)].sort((a, b) => a - b) as [number, number];
  for (const { at, text } of ticks(left, right, width / 110, log.includes("x"))) {
    const x = pixel(0, at);
    line(ctx, [[x, height], [x, height - 5]]);
    ctx.fillText(text, x, height - 8);
  }
  ctx.fillText(name(axes[0]), width / 2, height - 22);
  ctx.textAlign = "left";
  const [low, high] = [value(1, 20), value(1, height)].sort((a, b) => a - b) as [number, number];
  for (const { at, text } of ticks(low, high, height / 70, log.includes("y"))) {
    const y = pixel(1, at);
    line(ctx, [[0, y], [5, y]]);
    ctx.fillText(text, 8, y + 4);
  }
  ctx.fillText(name(axes[1]), 8, 14);
  // what the axes tell, for tests and for who cannot see them
  canvas.dataset["range"] = [left, right, low, high].map((v) => v.toPrecision(15)).join(" ");
}

// Meridians and parallels every 30 degrees, with their degrees.
export function drawSky(canvas: HTMLCanvasElement, fit: Fit, screen: Screen, frame: string): void {
  const ctx = begun(canvas);
  const centre = centreOf(frame);
  const pixel = ([u, v]: [number, number]): [number, number] => [screen.at[0] + (screen.scale[0] * (u - fit.middle[0])) / fit.half[0], screen.at[1] + (screen.scale[1] * (v - fit.middle[1])) / fit.half[1]];
  const range = (a: number, b: number, step: number) => Array.from({ length: Math.round((b - a) / step) + 1 }, (_, i) => a + i * step);
  for (const turn of range(-180, 180, 30)) line(ctx, range(-90, 90, 3).map((lat) => pixel(edge(turn, lat))));
  for (const lat of range(-60, 60, 30)) line(ctx, range(-180, 180, 5).map((turn) => pixel(edge(turn, lat))));
  ctx.textAlign = "center";
  for (const turn of range(-150, 150, 30)) {
    const [x, y] = pixel(edge(turn, 0));
    ctx.fillText(`${(((turn + centre) % 360) + 360) % 360}°`, x, y - 3);
  }
  ctx.textAlign = "right";
  for (const lat of [-60, -30, 30, 60]) {
    const [x, y] = pixel(edge(180, lat));
    ctx.fillText(`${lat > 0 ? "+" : "−"}${Math.abs(lat)}°`, x - 4, y + 4);
  }
}

// A place by its distance from the middle, in which the rim is not turned to the other side.
function edge(turn: number, lat: number): [number, number] {
  const [u, v] = mollweide(Math.max(-179.999, Math.min(179.999, turn)), lat, 0);
  return [u, v];
}

function line(ctx: CanvasRenderingContext2D, places: [number, number][]): void {
  ctx.beginPath();
  places.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.stroke();
}
