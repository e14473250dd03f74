// Spectra by uPlot, with the lines of a redshift.
import type uPlot from "uplot";
import type { Redshifted, Spectrum } from "./api";
import { short } from "./dom";
import { axes, colour, limits, made, span, unit, withoutSpikes } from "./drawing";

// Running means over so many pixels; what is masked stays a gap.
export function smoothed(values: (number | null)[], width: number): (number | null)[] {
  if (width <= 1) return values;
  const half = Math.floor(width / 2);
  const [sums, counts] = [[0], [0]];
  for (const value of values) {
    sums.push(sums.at(-1)! + (value ?? 0));
    counts.push(counts.at(-1)! + (value === null ? 0 : 1));
  }
  return values.map((value, i) => {
    if (value === null) return null;
    const [a, b] = [Math.max(0, i - half), Math.min(values.length, i + half + 1)];
    return (sums[b]! - sums[a]!) / (counts[b]! - counts[a]!);
  });
}

export interface Drawn { width: number; rest: boolean; lines: boolean; whole: boolean }

// Draw a spectrum with the lines of one of its redshifts, as observed or at rest by it. The flux axis is that of the wavelengths in view; `beyond` is told how many of
// their pixels lie beyond it.
export function spectrumPlot(into: HTMLElement, spectrum: Spectrum, where: Redshifted, { width, rest, lines, whole }: Drawn, beyond: (pixels: number, of: number) => void): uPlot {
  const z = where.redshift ?? 0;
  const stretch = rest ? 1 / (1 + z) : 1;
  const at = rest ? 1 : 1 + z;
  const x = spectrum.wavelength.map((w) => w * stretch);
  const flux = smoothed(spectrum.flux, width);
  // by the places that uPlot is about to show: its scale is still the one before
  const inView = (plot: uPlot, values: (number | null)[]) => {
    const [first, last] = plot.series[0]!.idxs ?? [0, flux.length - 1];
    return values.slice(first, last + 1);
  };
  const range = (plot: uPlot) => {
    const seen = inView(plot, flux);
    return limits(whole ? seen : withoutSpikes(seen, inView(plot, spectrum.flux), Math.floor(width / 2)));
  };
  const marks: uPlot.Plugin = {
    hooks: {
      drawClear: (plot) => {
        if (!lines) return;
        const { ctx, bbox } = plot;
        ctx.save();
        ctx.strokeStyle = colour("--muted");
        ctx.fillStyle = colour("--muted");
        ctx.font = `${10 * devicePixelRatio}px system-ui`;
        ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
        const labelled: number[] = [];
        const named = new Set<string>();
        for (const line of where.lines) {
          const px = plot.valToPos(line.wavelength * at, "x", true);
          if (!(px > bbox.left && px < bbox.left + bbox.width)) continue;
          ctx.beginPath();
          ctx.moveTo(px, bbox.top);
          ctx.lineTo(px, bbox.top + bbox.height);
          ctx.stroke();
          if (named.has(line.name) || labelled.some((other) => Math.abs(other - px) < 12 * devicePixelRatio)) continue;
          labelled.push(px);
          named.add(line.name);
          ctx.save();
          ctx.translate(px + 3 * devicePixelRatio, bbox.top - 3 * devicePixelRatio);
          ctx.rotate(-Math.PI / 2);
          ctx.fillText(line.name, 0, 0);
          ctx.restore();
        }
        ctx.restore();
      },
      draw: (plot) => {
        const [seen, { min, max }] = [inView(plot, flux).filter((v) => v !== null), plot.scales["y"]!];
        beyond(seen.filter((v) => v < min! || v > max!).length, seen.length);
        // what the plot tells, for tests and for who cannot see it
        Object.assign(into.dataset, { flux: `${min} ${max}`, gap: String(flux.filter((v) => v === null).length) });
      },
    },
  };
  return made(
    {
      width: into.clientWidth || 320, height: 230, plugins: [marks], legend: { show: false }, padding: [58, 12, 0, 0],
      cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { range } },
      axes: axes(`${rest ? "Rest wavelength" : "Wavelength"} in ${spectrum.vacuum ? "vacuum" : "air"} [Å]`, unit("Flux", spectrum.flux_unit)),
      series: [{}, { stroke: colour("--line"), width: 1, points: { show: false }, spanGaps: false }],
    },
    [x, flux],
    into,
    `Spectrum of ${x.length} pixels ${span(x, "Å")}${rest ? " at rest" : ""}${width > 1 ? `, smoothed over ${width} pixels` : ""}${lines && where.lines.length ? `, with lines at redshift ${short(where.redshift)}` : ""}`,
  );
}
