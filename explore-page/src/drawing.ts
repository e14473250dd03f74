// What all plots share: colours, axes, and uPlot's own life.
import uPlot from "uplot";
import { short } from "./dom";
import { digitsBetween, extent } from "./numbers";

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The ink of the page is light where the page is dark.
export function bandColour({ bands }: { bands: Record<string, string> }, band: string): string {
  const known = bands[band] ?? "ink";
  return known === "ink" ? colour("--ink") : known;
}

export function axes(x: string, y: string): uPlot.Axis[] {
  const shared = { stroke: colour("--ink"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1 }, font: "12px system-ui", labelFont: "12px system-ui" };
  // no commas in numbers: 6562.8, not 6,562.8
  const values = (_: uPlot, at: number[]) => at.map((v) => String(Number(v.toPrecision(10))));
  return [{ ...shared, values, label: x, labelSize: 18, size: 34 }, { ...shared, values, label: y, labelSize: 18, size: 58 }];
}

export function limits(values: ArrayLike<number | null>, cut = 0): [number, number] {
  const known = Array.from(values).filter((v): v is number => v !== null && Number.isFinite(v)).sort((a, b) => a - b);
  if (!known.length) return [0, 1];
  const low = known[Math.floor(cut * (known.length - 1))]!;
  const high = known[Math.ceil((1 - cut) * (known.length - 1))]!;
  const margin = 0.08 * (high - low) || 0.05 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

const SPIKE = 2; // times the range without single pixels: what stands out farther is a spike

// The pixels of a spectrum without single ones (cosmic rays) that stand out far from their
// neighbours, and without the `half` pixels about these, over which smoothing spreads them. Lines are
// wider than a pixel and stay whole.
export function withoutSpikes(drawn: (number | null)[], raw: (number | null)[], half = 0): (number | null)[] {
  const calm = raw.map((value, i) => (value === null ? null : middle(raw.slice(Math.max(0, i - 1), i + 2))));
  const [low, high] = extent(calm);
  const without = [...drawn];
  raw.forEach((value, i) => {
    if (value !== null && Math.abs(value - calm[i]!) > SPIKE * (high - low)) without.fill(null, Math.max(0, i - half), i + half + 1);
  });
  return without;
}

function middle(values: (number | null)[]): number {
  const known = values.filter((v): v is number => v !== null).sort((a, b) => a - b);
  return known[(known.length - 1) >> 1]!;
}

const alive = new Set<uPlot>();

// The plots are as wide as their place, also when the window was made narrower.
window.addEventListener("resize", () => {
  for (const plot of alive) if (plot.root.isConnected) plot.setSize({ width: plot.root.parentElement?.clientWidth || plot.width, height: plot.height });
});

// Make a plot in a place of the page. uPlot itself holds every plot that was not destroyed: those
// that have left the page since are.
export function made(options: uPlot.Options, data: uPlot.AlignedData, into: HTMLElement, says: string): uPlot {
  for (const plot of alive)
    if (!plot.root.isConnected) {
      plot.destroy();
      alive.delete(plot);
    }
  const plot = new uPlot(options, data, into);
  alive.add(plot);
  const wrap = plot.root.querySelector<HTMLElement>(".u-wrap")!;
  wrap.setAttribute("role", "img");
  wrap.setAttribute("aria-label", says);
  if (options.cursor?.drag?.x) byKeys(plot, wrap);
  return plot;
}

// Zoom along x by + and -, move by the arrows, and show all by Home, as dragging and a double click do.
function byKeys(plot: uPlot, wrap: HTMLElement): void {
  wrap.tabIndex = 0;
  wrap.title = "+ and - zoom, arrows move, Home shows all";
  wrap.addEventListener("keydown", (event) => {
    const [x, { min, max }] = [plot.data[0], plot.scales["x"]!];
    const [middle, half] = [(min! + max!) / 2, (max! - min!) / 2];
    const to: Record<string, [number, number]> = { "+": [middle, 0.7 * half], "=": [middle, 0.7 * half], "-": [middle, half / 0.7], ArrowLeft: [middle - 0.2 * half, half], ArrowRight: [middle + 0.2 * half, half], Home: [(x[0]! + x.at(-1)!) / 2, Infinity] };
    const next = to[event.key];
    if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // the map has the same keys
    const all = next[1] >= (x.at(-1)! - x[0]!) / 2;
    plot.setScale("x", all ? { min: x[0]!, max: x.at(-1)! } : { min: next[0] - next[1], max: next[0] + next[1] });
  });
}

// Two ends in as many digits as they need, such as "from 3900 to 9000 Å".
export function span(values: ArrayLike<number>, of = ""): string {
  const [low, high] = extent(values);
  const digits = digitsBetween(low, high, 2, 4);
  return `from ${short(low, digits)} to ${short(high, digits)}${of && ` ${of}`}`;
}

export const unit = (name: string, of: string) => (of ? `${name} [${of}]` : name);

// Draw within the axes alone, until the context is restored.
export function clipped({ ctx, bbox }: uPlot): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
}
