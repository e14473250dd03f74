// The spectrum of an object: smoothed, with lines at a redshift, as observed or at rest.
import type uPlot from "uplot";
import type { Redshifted, Spectrum } from "./api";
import { choice, el, number, short, titled } from "./dom";
import { spectrumPlot } from "./spectra";
import { WIDEST, type Addressed } from "./state";

export function spectrumPart(spectrum: Spectrum, { view, change }: Addressed) {
  const into = el("div", { class: "plot" });
  const tick = (on: boolean) => {
    const box = el("input", { type: "checkbox" });
    box.checked = on;
    return box;
  };
  const width = el("input", { type: "range", min: "1", max: String(WIDEST), step: "2", value: view.smooth || "1", "aria-label": "Smoothing in pixels" });
  const [rest, lines, whole] = [tick(!!view.rest), tick(!view.lines), tick(!!view.whole)];
  const { expected } = spectrum;
  let where: Redshifted = (view.at && expected) || spectrum;
  const said = el("small", { class: "redshift" });
  const atRest = el("label", {}, rest, "rest frame");
  const describe = () => (where === expected ? `lines stand at the redshift of the objects most alike, ${short(expected.redshift)}` : spectrum.redshift === null ? "redshift unknown: no lines are drawn"
    : spectrum.redshift_of ? `${spectrum.redshift_of} ${short(spectrum.redshift)}; lines stand there` : "lines stand at rest") + (expected?.doubts ? "; the catalogue's redshift is doubted" : "");
  const cut = el("small", { role: "status", id: "cut" });
  const over = el("output", {});
  const pixel = median(spectrum.wavelength.slice(1).map((w, i) => w - spectrum.wavelength[i]!));
  let plot: uPlot | null = null;
  let before = 1; // how the wavelengths were stretched
  const again = () => {
    const seen = plot && zoomed(plot);
    plot?.destroy();
    const atZero = rest.checked && !!where.redshift;
    const pixels = Number(width.value);
    const size = pixels * (atZero ? pixel / (1 + where.redshift!) : pixel);
    over.textContent = pixels > 1 ? `${pixels} pixels, ${number(Number(size.toPrecision(3)))} Å` : "off";
    const drawing = { width: pixels, rest: atZero, lines: lines.checked, whole: whole.checked };
    plot = spectrumPlot(into, spectrum, where, drawing, (n, of) => {
      cut.textContent = n ? `${n.toLocaleString("en")} of ${of.toLocaleString("en")} pixels in view lie beyond the axis, as they stand out from their neighbours: "whole range" shows them.` : "";
    });
    const stretch = atZero ? 1 / (1 + where.redshift!) : 1;
    if (seen) plot.setScale("x", { min: (seen[0] * stretch) / before, max: (seen[1] * stretch) / before });
    before = stretch;
    atRest.hidden = !where.redshift;
    said.textContent = describe();
    into.dataset["redshift"] = String(where.redshift);
  };
  const tell = () => change({
    smooth: width.value === "1" ? "" : width.value, rest: rest.checked ? "yes" : "", lines: lines.checked ? "" : "none", whole: whole.checked ? "yes" : "", at: where === expected ? "expected" : "",
  });
  for (const input of [width, rest, lines, whole]) {
    input.addEventListener("input", again);
    input.addEventListener("change", tell);
  }
  const controls = el("div", { class: "controls" }, el("label", {}, "smooth ", width, over), el("label", {}, lines, "lines"), el("label", {}, whole, "whole range"), expected && choice("at", redshifts(spectrum), where === expected ? "expected" : "", (name) => {
    where = name ? expected : spectrum;
    again();
    tell();
  }), atRest);
  return { part: el("section", {}, el("h3", {}, titled("Spectrum", spectrum)), into, controls, said, cut), draw: again };
}

// The part of the abscissa that is in view, where that is not the whole.
function zoomed(plot: uPlot): [number, number] | null {
  const [x, { min, max }] = [plot.data[0], plot.scales["x"]!];
  return min! > x[0]! || max! < x.at(-1)! ? [min!, max!] : null;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

// The redshifts that lines can stand at: the catalogue's, and that of the objects most alike.
function redshifts({ redshift, redshift_of, expected }: Spectrum): { value: string; text: string }[] {
  return [{ value: "", text: redshift === null ? "unknown" : `${redshift_of || "rest"} ${short(redshift)}${expected!.doubts ? " (doubted)" : ""}` },
    { value: "expected", text: `expected by those most alike ${short(expected!.redshift)}` }];
}
