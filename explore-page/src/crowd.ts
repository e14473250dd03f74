// Views of more points than can be told apart: all are drawn as a density, and the renderer holds
// only some of them, for pointing. As one zooms in, it is given those that are in view.
import { extent } from "./numbers";
import type { Screen } from "./space";

const MARGIN = 0.25; // of the view, on every side: what a short move brings into it is there
const POINTED = 5; // of a density, how much fewer than that the renderer holds for pointing
const CELL = 2; // pixels of a cell of the density

export interface Box { x: [number, number]; y: [number, number] }
export interface Crowd { points: Int32Array; dense: boolean; box: Box | null }

export interface Paint {
  code: Uint16Array;
  palette: string[];
  grey: string; // points of this colour lie beneath all others
  marked: Uint8Array | null; // the points that keep their colour, where others are grey
  weight: Uint8Array | null;
}

// Which points the renderer holds of those in a view, and about it; null is the view of all. Of more
// than it may hold it is every so manieth, and a density shows all. `always` are among them.
export function held(x: Float32Array, y: Float32Array, always: number[], view: Box | null, most: number): Crowd {
  const box = view && wider(view);
  const near = new Int32Array(x.length);
  let n = 0;
  for (let i = 0; i < x.length; i++) if (!box || inside(box, x[i]!, y[i]!)) near[n++] = i;
  const step = n > most ? Math.ceil((n / most) * POINTED) : 1;
  const some = near.subarray(0, n).filter((point, i) => i % step === 0 || always.includes(point));
  const far = [...new Set(always)].filter((point) => point < x.length && box && !inside(box, x[point]!, y[point]!));
  const points = new Int32Array(some.length + far.length);
  points.set(some);
  points.set(far, some.length);
  return { points, dense: step > 1, box };
}

function wider({ x, y }: Box): Box {
  const more = ([a, b]: [number, number]): [number, number] => [a - MARGIN * (b - a), b + MARGIN * (b - a)];
  return { x: more(x), y: more(y) };
}

function inside(box: Box, x: number, y: number): boolean {
  return x >= box.x[0] && x <= box.x[1] && y >= box.y[0] && y <= box.y[1];
}

// Whether a view lies within what was held for another.
export function within(view: Box, box: Box | null): boolean {
  return box === null || (inside(box, view.x[0], view.y[0]) && inside(box, view.x[1], view.y[1]));
}

// The points within a polygon, all of them.
export function enclosed(x: Float32Array, y: Float32Array, polygon: [number, number][]): number[] {
  const [xs, ys] = [polygon.map((p) => p[0]), polygon.map((p) => p[1])];
  const box: Box = { x: extent(xs), y: extent(ys) };
  const found: number[] = [];
  for (let i = 0; i < x.length; i++) if (inside(box, x[i]!, y[i]!) && odd(xs, ys, x[i]!, y[i]!)) found.push(i);
  return found;
}

// Whether a ray from a point crosses a polygon an odd number of times.
function odd(xs: number[], ys: number[], x: number, y: number): boolean {
  let is = false;
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++)
    if (ys[i]! > y !== ys[j]! > y && x < ((xs[j]! - xs[i]!) * (y - ys[i]!)) / (ys[j]! - ys[i]!) + xs[i]!) is = !is;
  return is;
}

// Draw all points as a density: the mean colour of a cell, the more opaque the more lie in it.
export function drawDensity(canvas: HTMLCanvasElement, x: Float32Array, y: Float32Array, screen: Screen, paint: Paint): void {
  const [width, height] = [Math.ceil(canvas.clientWidth / CELL), Math.ceil(canvas.clientHeight / CELL)];
  [canvas.width, canvas.height] = [width, height];
  const ctx = canvas.getContext("2d")!;
  const colours = paint.palette.map((colour) => rgb(ctx, colour));
  const beneath = Uint8Array.from(paint.palette, (colour) => Number(colour === paint.grey));
  const [sum, count, under] = [new Float32Array(3 * width * height), new Float32Array(width * height), new Float32Array(width * height)];
  const [sx, sy, ax, ay] = [screen.scale[0] / CELL, screen.scale[1] / CELL, screen.at[0] / CELL, screen.at[1] / CELL];
  const [red, green, blue] = [0, 1, 2].map((k) => Float32Array.from(colours, (colour) => colour[k]!)) as [Float32Array, Float32Array, Float32Array];
  for (let i = 0; i < x.length; i++) {
    const u = Math.floor(ax + sx * x[i]!);
    const v = Math.floor(ay + sy * y[i]!);
    if (!(u >= 0 && v >= 0 && u < width && v < height)) continue;
    const cell = v * width + u;
    const code = paint.code[i]!;
    if (paint.marked ? !paint.marked[i] : beneath[code]) {
      under[cell]!++;
      continue;
    }
    const weight = paint.weight ? 1 + paint.weight[i]! ** 2 : 1;
    count[cell]! += weight;
    sum[3 * cell]! += weight * red[code]!;
    sum[3 * cell + 1]! += weight * green[code]!;
    sum[3 * cell + 2]! += weight * blue[code]!;
  }
  const image = ctx.createImageData(width, height);
  const [most, mostUnder, grey] = [largest(count), largest(under), rgb(ctx, paint.grey)];
  for (let cell = 0; cell < count.length; cell++) {
    const n = count[cell]!;
    if (!n && !under[cell]) continue;
    for (let k = 0; k < 3; k++) image.data[4 * cell + k] = n ? sum[3 * cell + k]! / n : grey[k]!;
    const share = n ? Math.log1p(n) / Math.log1p(most) : 0.5 * (Math.log1p(under[cell]!) / Math.log1p(mostUnder));
    image.data[4 * cell + 3] = 255 * (0.3 + 0.7 * share);
  }
  ctx.putImageData(image, 0, 0);
}

function largest(values: Float32Array): number {
  let most = 1;
  for (const value of values) if (value > most) most = value;
  return most;
}

// A colour of the style sheet as numbers.
function rgb(ctx: CanvasRenderingContext2D, colour: string): [number, number, number] {
  ctx.fillStyle = colour;
  const hex = ctx.fillStyle; // the canvas writes any colour as #rrggbb
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
}
