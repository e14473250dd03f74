// Light curves and what is made of them by uPlot, small multiples, and means of selections.
import type uPlot from "uplot";
import type { Curve, Small } from "./api";
import { short } from "./dom";
import { axes, bandColour, clipped, colour, limits, made, span, unit, withoutSpikes } from "./drawing";
import { extent } from "./numbers";
import { bandName, bandShape, trace } from "./shapes";

const MARK = 3.5; // radius of the shape of a band, in pixels
const TRIANGLE = 3.5; // half the width of the mark of an upper limit, in pixels

// Upper limits: open triangles that point to where the object may be.
function limitMarks(curve: Curve, places: (readonly [number, number])[]): uPlot.Plugin {
  return { hooks: { draw: (plot) => {
    if (!curve.limits) return;
    const { ctx } = plot;
    const size = TRIANGLE * devicePixelRatio;
    clipped(plot);
    ctx.lineWidth = devicePixelRatio;
    for (const [place, i] of places) {
      const [px, py] = [plot.valToPos(place, "x", true), plot.valToPos(curve.limits.value[i]!, "y", true)];
      const band = curve.limits.band?.[i] ?? "";
      const shape = bandShape(curve, band);
      ctx.strokeStyle = bandColour(curve, band);
      const top = shape ? py + size : py;
      ctx.beginPath();
      if (shape) trace(ctx, shape, px, py, size); // the shape of its band, above the triangle
      ctx.moveTo(px - size, top);
      ctx.lineTo(px + size, top);
      ctx.lineTo(px, top + 1.6 * size);
      ctx.closePath();
      ctx.stroke();
    }
    ctx.restore();
  } } };
}

// Marks of a band that has a shape of its own; circles are drawn by uPlot itself.
function marks(shape: number): uPlot.Series.Points.PathBuilder {
  return (plot, series) => {
    const [fill, clip, { left, top, width, height }] = [new Path2D(), new Path2D(), plot.bbox];
    clip.rect(left, top, width, height);
    plot.data[series]!.forEach((value, i) => {
      if (value !== null && value !== undefined) trace(fill, shape, plot.valToPos(plot.data[0][i]!, "x", true), plot.valToPos(value, "y", true), MARK * devicePixelRatio);
    });
    return { fill, clip, flags: 3 }; // fill and stroke are clipped
  };
}

// Epochs at some places x, with their errors, a colour (and from the seventh on a shape) a band; upper limits at others.
export function epochs(into: HTMLElement, curve: Curve, x: number[], limitX: number[], period: number | null, label: string): uPlot {
  const twice = period !== null;
  const names = curve.band ? Object.keys(curve.bands) : [""];
  const cycles = twice ? [0, 1] : [0];
  const drawn = (places: number[]) => cycles.flatMap((cycle) => places.map((place, i) => [place + cycle, i] as const));
  const [every, faintest] = [drawn(x), drawn(limitX)];
  // the limits have places on the axis, too, without a value of their own there
  const all = [...every, ...faintest.map(([place]) => [place, -1] as const)].sort((a, b) => a[0] - b[0]);
  const at = all.map(([place]) => place);
  const series = names.map((name) => all.map(([, i]) => (i >= 0 && (!curve.band || curve.band[i] === name) ? curve.value[i]! : null)));
  const range = limits([...curve.value, ...(curve.limits?.value ?? [])]);
  const errors: uPlot.Plugin = {
    hooks: {
      drawClear: (plot) => {
        if (!curve.error) return;
        const { ctx } = plot;
        clipped(plot);
        ctx.strokeStyle = colour("--error");
        ctx.lineWidth = devicePixelRatio;
        ctx.beginPath();
        for (const [place, i] of every) {
          const error = curve.error[i];
          if (error === null || error === undefined) continue;
          const px = plot.valToPos(place, "x", true);
          ctx.moveTo(px, plot.valToPos(curve.value[i]! - error, "y", true));
          ctx.lineTo(px, plot.valToPos(curve.value[i]! + error, "y", true));
        }
        ctx.stroke();
        ctx.restore();
      },
    },
  };
  const faint = curve.value_name === "Magnitude" ? -1 : 1;
  return made(
    {
      width: into.clientWidth || 320, height: 190, plugins: [errors, limitMarks(curve, faintest)], legend: { show: names.some(Boolean), live: false },
      cursor: { drag: { x: !twice, y: false } },
      scales: { x: { time: false, ...(twice ? { range: [0, 2] as [number, number] } : {}) }, y: { dir: faint as 1 | -1, range: () => range } },
      axes: axes(label, unit(curve.value_name, curve.value_unit)),
      series: [{}, ...names.map((name) => ({
        label: bandName(curve, name), stroke: bandColour(curve, name), paths: () => null,
        points: { show: true, size: 4, fill: bandColour(curve, name), width: 0, ...(bandShape(curve, name) ? { paths: marks(bandShape(curve, name)) } : {}) },
      }))],
    },
    [at, ...series],
    into,
    `Light curve${twice ? ` folded at ${short(period, 9)} d` : ""}: ${x.length} epochs${limitX.length ? ` and ${limitX.length} upper limits` : ""}${names.some(Boolean) ? ` of bands ${names.join(", ")}` : ""}${x.length ? `${twice ? "" : `, time ${span(curve.time, curve.time_unit)}`}, ${curve.value_name.toLowerCase()} ${span(curve.value, curve.value_unit)}` : ""}`,
  );
}

// Phases of the upper limits, by those of the epochs.
export function limitPhases(curve: Curve, phase: number[], period: number): number[] {
  const shift = (phase[0] ?? 0) - (curve.time[0] ?? 0) / period;
  return (curve.limits?.time ?? []).map((t) => t / period + shift).map((turns) => turns - Math.floor(turns));
}

export function curveInTime(into: HTMLElement, curve: Curve): uPlot {
  const start = Math.min(extent(curve.time)[0], extent(curve.limits?.time ?? [])[0]); // it may hold limits alone
  const zero = start > 10000 ? Math.floor(start / 1000) * 1000 : 0;
  const name = zero ? `Time − ${zero}` : "Time";
  const since = (times: number[]) => times.map((t) => t - zero);
  return epochs(into, curve, since(curve.time), since(curve.limits?.time ?? []), null, unit(name, curve.time_unit));
}

// A small multiple: a folded light curve as points, a spectrum as a line.
export function small(canvas: HTMLCanvasElement, what: Small["curve"] | Small["spectrum"], points: boolean): void {
  if (!what) return;
  const [width, height] = [canvas.clientWidth || 150, canvas.clientHeight || 60];
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  const ctx = canvas.getContext("2d")!;
  ctx.scale(devicePixelRatio, devicePixelRatio);
  const [x0, x1] = "folded" in what && what.folded ? [0, 1] : extent(what.x);
  let [y0, y1] = points ? limits(what.y, 0.01) : limits(withoutSpikes(what.y, what.y));
  if ("upside_down" in what && what.upside_down) [y0, y1] = [y1, y0];
  const px = (v: number) => 2 + ((v - x0) / (x1 - x0 || 1)) * (width - 4);
  // what lies beyond stands at the rim
  const py = (v: number) => height - 2 - Math.min(1, Math.max(0, (v - y0) / (y1 - y0 || 1))) * (height - 4);
  ctx.fillStyle = colour("--ink");
  ctx.strokeStyle = colour("--line");
  ctx.beginPath();
  let gap = true;
  what.x.forEach((x, i) => {
    const y = what.y[i];
    if (y === null || y === undefined) {
      gap = true;
      return;
    }
    const band = ("bands" in what && what.band?.[i]) || "";
    if ("bands" in what) ctx.fillStyle = bandColour(what, band);
    if ("bands" in what && bandShape(what, band)) {
      ctx.beginPath();
      trace(ctx, bandShape(what, band), px(x), py(y), 2.5);
      ctx.fill();
    } else if (points) ctx.fillRect(px(x) - 1, py(y) - 1, 2, 2);
    else if (gap) ctx.moveTo(px(x), py(y));
    else ctx.lineTo(px(x), py(y));
    gap = false;
  });
  if (!points) ctx.stroke();
}

export interface Mean { x: number[]; y: (number | null)[]; error: (number | null)[]; n: number }

// Means of two selections, each with its standard error as a band.
export function means(into: HTMLElement, both: readonly (Mean | null)[], names: readonly string[], label: string): uPlot {
  const known = both.map((mean, i) => ({ mean, name: names[i]!, ink: colour(i ? "--muted" : "--line") })).filter(({ mean }) => mean);
  const x = Array.from(new Set(known.flatMap(({ mean }) => mean!.x))).sort((a, b) => a - b);
  const along = (mean: Mean, values: (number | null)[]) => {
    const at = new Map(mean.x.map((place, i) => [place, values[i] ?? null]));
    return x.map((place) => (at.has(place) ? at.get(place)! : undefined)) as (number | null)[];
  };
  // an error that is not known leaves a gap in the band
  const off = (mean: Mean, sign: number) => mean.y.map((v, i) => (v === null || (mean.error[i] ?? null) === null ? null : v + sign * mean.error[i]!));
  const series = known.flatMap(({ mean, name, ink }) => [
    { label: `${name} (${mean!.n})`, stroke: ink, width: 1.5, points: { show: false } },
    { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } },
  ]);
  const bands = known.map(({ ink }, i): uPlot.Band => ({ series: [3 * i + 2, 3 * i + 3], fill: `${ink}44` }));
  const data = known.flatMap(({ mean }) => [along(mean!, mean!.y), along(mean!, off(mean!, 1)), along(mean!, off(mean!, -1))]);
  const plot = made(
    { width: into.clientWidth || 320, height: 200, legend: { show: false }, bands, scales: { x: { time: false }, y: { range: () => limits(data.flat()) } }, axes: axes(label, ""), series: [{}, ...series] },
    [x, ...data] as uPlot.AlignedData,
    into,
    `Means of ${known.map(({ mean, name }) => `${mean!.n} of ${name}`).join(" and ")}, against ${label}`,
  );
  const key = document.createElement("small");
  known.forEach(({ mean, name, ink }) => {
    const mark = document.createElement("span");
    mark.style.color = ink;
    mark.textContent = "━ ";
    key.append(mark, `${name}: mean of ${mean!.n}  `);
  });
  into.append(key);
  return plot;
}

export interface Power { period: number[]; power: number[] }

const PEAKS = 5;

// The highest peaks, which can be chosen without a pointer.
export function peaks({ period, power }: Power): { at: number; power: number }[] {
  const found = power.flatMap((v, i) => (v > (power[i - 1] ?? -Infinity) && v >= (power[i + 1] ?? -Infinity) ? [{ at: period[i]!, power: v }] : []));
  return found.sort((a, b) => b.power - a.power).slice(0, PEAKS);
}

// Lomb-Scargle power by the logarithm of the period; the period that is folded with is marked.
export function powerPlot(into: HTMLElement, { period, power }: Power, shown: () => number, take: (period: number) => void): uPlot {
  const mark: uPlot.Plugin = { hooks: { draw: (plot) => {
    const px = plot.valToPos(Math.log10(shown()), "x", true);
    if (!(px > plot.bbox.left && px < plot.bbox.left + plot.bbox.width)) return;
    plot.ctx.save();
    plot.ctx.strokeStyle = colour("--warn");
    plot.ctx.setLineDash([4, 3]);
    plot.ctx.beginPath();
    plot.ctx.moveTo(px, plot.bbox.top);
    plot.ctx.lineTo(px, plot.bbox.top + plot.bbox.height);
    plot.ctx.stroke();
    plot.ctx.restore();
  } } };
  const [x, y] = axes("Period [d]", "Power");
  const highest = extent(power)[1];
  const plot = made(
    {
      width: into.clientWidth || 320, height: 150, plugins: [mark], legend: { show: false }, cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false }, y: { range: () => [0, highest * 1.05 || 1] } },
      axes: [{ ...x!, values: (_: uPlot, at: number[]) => at.map((v) => String(Number((10 ** v).toPrecision(2)))) }, y!],
      series: [{}, { stroke: colour("--line"), width: 1, points: { show: false } }],
    },
    [period.map((p) => Math.log10(p)), power],
    into,
    `Periodogram of periods ${span(period, "d")}, the highest peaks at ${peaks({ period, power }).map(({ at }) => short(at, 6)).join(", ")} d`,
  );
  plot.over.addEventListener("click", () => {
    // the highest peak within a few pixels of the pointer
    const near = power.map((_, i) => i).filter((i) => Math.abs(plot.valToPos(Math.log10(period[i]!), "x") - plot.cursor.left!) < 6);
    if (!near.length) return;
    take(period[near.reduce((best, i) => (power[i]! > power[best]! ? i : best), near[0]!)]!);
  });
  return plot;
}
