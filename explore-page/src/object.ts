// The page of one object: what was observed of it, and what is said of it.
import type uPlot from "uplot";
import { json, type Curve, type OwnFile, type Redshifted, type SkyObject, type Spectrum } from "./api";
import { choice, el, exact, isStill, number, titled } from "./dom";
import { picturePart } from "./picture";
import { curveInTime, epochs, limitPhases, powerPlot, spectrumPlot, type Power } from "./plots";

let drawn: uPlot[] = [];

// The plots are as wide as their place, also when the window was made narrower.
window.addEventListener("resize", () => {
  for (const plot of drawn) plot.setSize({ width: plot.root.parentElement?.clientWidth || plot.width, height: plot.height });
});

export interface Told {
  page: SkyObject;
  // multiply the period that is folded with
  multiply: (factor: number) => void;
}

export function objectPage(page: SkyObject, period: number | null, folded: (period: number) => void, drawOf: (modality: string) => void): { parts: HTMLElement[]; told: Told; draw: () => void } {
  for (const plot of drawn) plot.destroy();
  drawn = [];
  const parts: HTMLElement[] = [heading(page)];
  if (page.others.length && !isStill()) parts.push(ofWhat(page, drawOf));
  const whose = { id: page.object_id, of: page.of };
  const told: Told = { page, multiply: () => undefined };
  const draws: (() => void)[] = [];
  if (page.doubts?.reasons) parts.push(el("p", { class: "doubt" }, el("b", {}, `Suspect ${page.doubts.rank} of ${page.doubts.of}: `), page.doubts.reasons));
  if (page.curve) {
    const made = curvePart(whose, page.curve, period, folded);
    parts.push(made.part);
    draws.push(made.draw);
    told.multiply = made.multiply;
  }
  if (page.spectrum) {
    const made = spectrumPart(page.spectrum);
    parts.push(made.part);
    draws.push(made.draw);
  }
  if (page.image) {
    parts.push(picturePart(whose, page.image, page.object_id));
  }
  if (page.classes) parts.push(classes(page.classes, page));
  parts.push(el("section", { id: "alike" }), catalogue(page));
  return { parts, told, draw: () => draws.forEach((draw) => draw()) };
}

function heading(page: SkyObject): HTMLElement {
  const [ra, dec] = page.position;
  const facts = [page.class ? `${page.class} in the catalogue` : "no class in the catalogue", page.split || "outside the split", page.modalities.join(" + ")];
  if (page.judged) facts.push(`judged ${page.judged.label ?? page.judged.verdict}${page.judged.who && ` by ${page.judged.who}`}, ${page.judged.when.slice(0, 10)}`);
  const links = el("p", { class: "links" });
  if (ra !== null && dec !== null) {
    const at = `${ra.toFixed(6)} ${dec < 0 ? "" : "+"}${dec.toFixed(6)}`;
    const link = (name: string, address: string) => el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, name);
    const coded = encodeURIComponent(at);
    links.append(
      el("span", {}, `ra ${ra.toFixed(5)}°, dec ${dec < 0 ? "−" : "+"}${Math.abs(dec).toFixed(5)}°`),
      link("SIMBAD", `https://simbad.cds.unistra.fr/simbad/sim-coo?Coord=${coded}&Radius=5&Radius.unit=arcsec`),
      link("VizieR", `https://vizier.cds.unistra.fr/viz-bin/VizieR-4?-c=${coded}&-c.rs=5`),
      link("Aladin", `https://aladin.cds.unistra.fr/AladinLite/?target=${coded}&fov=0.1`),
    );
  }
  return el("header", {}, el("h2", {}, page.object_id), el("p", {}, facts.join(" · ")), links);
}

// Of several modalities of one kind one is drawn at a time.
function ofWhat({ others, of }: SkyObject, drawOf: (modality: string) => void): HTMLElement {
  const options = [{ value: "", text: "the first of each kind" }, ...others.map((value) => ({ value, text: value }))];
  return el("div", { class: "controls" }, choice("drawn is", options, of, drawOf));
}

// The page of a file of one's own.
export function filePage(own: OwnFile): { parts: HTMLElement[]; draw: () => void } {
  for (const plot of drawn) plot.destroy();
  drawn = [];
  const notes = own.notes.map((note) => el("li", {}, note));
  const parts: HTMLElement[] = [el("header", {}, el("h2", {}, own.name), el("p", {}, `${own.modality} of a file of your own`), el("ul", { class: "notes" }, ...notes))];
  const draws: (() => void)[] = [];
  if (own.curve) {
    const made = curvePart({ file: own.number }, own.curve, null, () => undefined);
    parts.push(made.part);
    draws.push(made.draw);
  }
  if (own.spectrum) {
    const made = spectrumPart(own.spectrum);
    parts.push(made.part);
    draws.push(made.draw);
  }
  if (own.image) parts.push(picturePart({ file: own.number }, own.image, own.name));
  if (own.classes) parts.push(classes(own.classes), el("ul", { class: "notes" }, ...own.classes.notes.map((note) => el("li", {}, note))));
  parts.push(el("section", { id: "alike" }));
  return { parts, draw: () => draws.forEach((draw) => draw()) };
}

function curvePart(whose: Record<string, string | number>, curve: Curve, given: number | null, folded: (period: number) => void) {
  const time = el("div", { class: "plot" });
  const phase = el("div", { class: "plot", id: "folded" });
  const box = el("input", { type: "number", step: "any", min: "0", "aria-label": "Period in days" });
  const slider = el("input", { type: "range", min: "-1", max: "1", step: "0.0005", value: "0", "aria-label": "Period, by up to 1 % less or more" });
  const own = curve.searched ? "the period found in the light curve" : "file" in whose ? "the period that you gave" : "the period of the catalogue";
  const source = el("span", { id: "whose-period", role: "status" }, whosePeriod(curve, own, 0));
  let [middle, shown, busy, next] = [0, 0, false, 0];
  let plot: uPlot | null = null;
  const fold = async (period: number): Promise<void> => {
    next = period;
    if (busy) return;
    busy = true;
    try {
      while (next !== shown) {
        const wanted = next;
        const { phase: x } = await json<{ phase: number[] }>("fold", { ...whose, period: wanted });
        if (!phase.isConnected) return; // another object is shown by now, with a period of its own
        shown = wanted;
        unfold();
        source.textContent = whosePeriod(curve, own, shown);
        plot = epochs(phase, curve, x, limitPhases(curve, x, wanted), true, "Phase (two cycles)");
        drawn.push(plot);
        phase.dataset["period"] = String(wanted);
        folded(wanted);
      }
    } catch (error) {
      unfold();
      shown = 0;
      source.textContent = whosePeriod(curve, own, 0);
      phase.append(el("small", { role: "status" }, (error as Error).message));
    } finally {
      busy = false;
    }
  };
  const unfold = () => {
    drawn = drawn.filter((other) => other !== plot);
    plot?.destroy();
    plot = null;
    phase.replaceChildren();
    delete phase.dataset["period"];
  };
  const written = (period: number) => {
    const valid = period > 0 && Number.isFinite(period);
    if (valid || shown) box.value = String(Number((valid ? period : shown).toPrecision(9))); // else what is folded stands there
    fewer.disabled = Number(box.value) === 1; // an alias without an end
    if (valid) void fold(period);
    return valid;
  };
  const take = (period: number) => {
    if (!written(period)) return;
    middle = period;
    slider.value = "0";
  };
  box.addEventListener("change", () => take(Number(box.value)));
  slider.addEventListener("input", () => written(middle * (1 + Number(slider.value) / 100)));
  const multiply = (factor: number) => take(Number(box.value) * factor);
  const button = (text: string, says: string, click: () => void) => el("button", { type: "button", title: says, "aria-label": says, click }, text);
  const press = (text: string, factor: number, says: string) => button(text, says, () => multiply(factor));
  // observed once a night, a star repeats as well with one turn a day more or less
  const daily = (text: string, turns: number, says: string) => button(text, says, () => take(1 / Math.abs(1 / Number(box.value) + turns)));
  const fewer = daily("−1/d", -1, "Daily alias: one turn a day less, 1 / (1/P − 1/d); at a period of one day there is none");
  const back = el("button", { type: "button", click: () => curve.period && take(curve.period) }, "own");
  back.title = "The catalogue's period, or the one that was found";
  const spectrum = el("div", { class: "plot", id: "power" });
  const power = el("button", { type: "button", id: "power-button", "aria-pressed": "false", title: "Lomb-Scargle periodogram; click a peak to fold at it", click: async () => {
    const on = power.getAttribute("aria-pressed") !== "true";
    power.setAttribute("aria-pressed", String(on));
    spectrum.replaceChildren();
    if (!on) return;
    try {
      drawn.push(powerPlot(spectrum, await json<Power>("power", whose), () => shown, take));
    } catch (error) {
      spectrum.replaceChildren(el("small", { role: "status" }, (error as Error).message));
    }
  } }, "power");
  const controls = el("div", { class: "controls" }, el("label", {}, "period [d] ", box), press("×½", 0.5, "Half the period"), press("×2", 2, "Twice the period"),
    press("×⅓", 1 / 3, "A third of the period"), press("×3", 3, "Three times the period"),
    daily("+1/d", 1, "Daily alias: one turn a day more, 1 / (1/P + 1/d)"), fewer, !!curve.period && back, power, slider);
  const part = el("section", {}, el("h3", {}, titled("Light curve", curve)), time, controls, el("small", {}, `${counted(curve)}; `, source), spectrum, phase);
  const draw = () => {
    drawn.push(curveInTime(time, curve));
    const start = given ?? curve.period;
    if (start) take(start);
  };
  return { part, draw, multiply };
}

const SHARES: [number, string][] = [[1, ""], [1 / 2, "half "], [2, "twice "], [1 / 3, "a third of "], [3, "three times "]];
const SAME_PERIOD = 1e-8; // nine digits of a period are written

// Which period is folded with, beside the light curve's own; 0 for none.
function whosePeriod({ period }: Curve, own: string, shown: number): string {
  if (!shown) return period ? `not folded; ${own} is ${short(period, 9)} d` : "no period is known: type one to fold";
  if (!period) return "folded with a period of your choice: none is known";
  const near = (other: number) => Math.abs(shown / other - 1) < SAME_PERIOD;
  const share = SHARES.find(([factor]) => near(factor * period));
  if (share?.[0] === 1) return `folded with ${own}`;
  const alias = [1, -1].find((turns) => near(1 / Math.abs(1 / period + turns)));
  const which = share ? share[1] + own : alias ? `a daily alias of ${own}` : `another period than ${own}`;
  return `folded with ${which}, ${short(period, 9)} d`;
}

function counted({ time, limits }: Curve): string {
  const n = limits?.time.length ?? 0;
  return `${time.length} epochs${n ? `, ${n} upper ${n === 1 ? "limit" : "limits"} (▽)` : ""}`;
}

function spectrumPart(spectrum: Spectrum) {
  const into = el("div", { class: "plot" });
  const width = el("input", { type: "range", min: "1", max: "51", step: "2", value: "1", "aria-label": "Smoothing in pixels" });
  const rest = el("input", { type: "checkbox" });
  const lines = el("input", { type: "checkbox" });
  lines.checked = true;
  const { expected } = spectrum;
  let where: Redshifted = spectrum;
  const said = el("small", { class: "redshift" });
  const atRest = el("label", {}, rest, "rest frame");
  const describe = () => (where === expected ? `lines stand at the redshift of the objects most alike, ${short(expected.redshift)}` : spectrum.redshift === null ? "redshift unknown: no lines are drawn"
    : spectrum.redshift_of ? `${spectrum.redshift_of} ${short(spectrum.redshift)}; lines stand there` : "lines stand at rest") + (expected?.doubts ? "; the catalogue's redshift is doubted" : "");
  const whole = el("input", { type: "checkbox" });
  const cut = el("small", { role: "status", id: "cut" });
  const over = el("output", {});
  const pixel = median(spectrum.wavelength.slice(1).map((w, i) => w - spectrum.wavelength[i]!));
  let plot: uPlot | null = null;
  let before = 1; // how the wavelengths were stretched
  const again = () => {
    const seen = plot && zoomed(plot);
    if (plot) {
      drawn = drawn.filter((other) => other !== plot);
      plot.destroy();
    }
    const atZero = rest.checked && !!where.redshift;
    const pixels = Number(width.value);
    const size = pixels * (atZero ? pixel / (1 + where.redshift!) : pixel);
    over.textContent = pixels > 1 ? `${pixels} pixels, ${number(Number(size.toPrecision(3)))} Å` : "off";
    const drawing = { width: pixels, rest: atZero, lines: lines.checked, whole: whole.checked };
    plot = spectrumPlot(into, spectrum, where, drawing, (n, of) => {
      cut.textContent = n ? `${n.toLocaleString("en")} of ${of.toLocaleString("en")} pixels in view lie beyond the axis, as they stand out from their neighbours: "whole range" shows them.` : "";
    });
    drawn.push(plot);
    const stretch = atZero ? 1 / (1 + where.redshift!) : 1;
    if (seen) plot.setScale("x", { min: (seen[0] * stretch) / before, max: (seen[1] * stretch) / before });
    before = stretch;
    atRest.hidden = !where.redshift;
    said.textContent = describe();
    into.dataset["redshift"] = String(where.redshift);
  };
  for (const input of [width, rest, lines, whole]) input.addEventListener("input", again);
  const controls = el("div", { class: "controls" }, el("label", {}, "smooth ", width, over), el("label", {}, lines, "lines"), el("label", {}, whole, "whole range"), expected && choice("at", redshifts(spectrum), "", (name) => {
    where = name ? expected : spectrum;
    again();
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

const short = (value: number | null, digits = 4) => (value === null ? "" : number(Number(value.toPrecision(digits)), Math.max(digits, 7)));

const LIKELIEST = 6; // classes that are told one by one

function classes(told: NonNullable<SkyObject["classes"]>, page: Partial<SkyObject> = {}): HTMLElement {
  const ranked = Object.entries(told.probabilities).filter(([, p]) => p !== null).sort((a, b) => b[1]! - a[1]!);
  const row = (name: string, p: number) => {
    const bar = el("span", { class: "share" });
    bar.style.width = `${100 * p}%`;
    return el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "shares" }, bar), el("td", {}, `${(100 * p).toFixed(1)} %`));
  };
  const rows = ranked.slice(0, LIKELIEST).map(([name, p]) => row(name, p!));
  const rest = ranked.slice(LIKELIEST);
  if (rest.length) rows.push(row(`and ${rest.length.toLocaleString("en")} more`, rest.reduce((sum, [, p]) => sum + p!, 0)));
  const answered = page.answered?.class && `with the answers ${page.answered.class} (${(100 * (page.answered.probability ?? 0)).toFixed(1)} %)`;
  const said = [answered, told.reason, told.novelty !== null && `novelty ${told.novelty.toFixed(2)} (1: like nothing it was trained on)`, page.doubts?.suggested && `neighbours suggest ${page.doubts.suggested}`];
  return el("section", {}, el("h3", {}, "Class by the classifier"), rows.length ? el("table", { class: "classes" }, el("tbody", {}, ...rows)) : "none",
    el("small", {}, `from ${told.modalities || "nothing"}; ${said.filter(Boolean).join("; ")}`));
}

function catalogue(page: SkyObject): HTMLElement {
  const rows = page.catalogue.map(({ name, value, unit, description }) =>
    el("tr", { title: description }, el("th", { scope: "row" }, name), el("td", {}, exact(value)), el("td", {}, unit ?? ""), el("td", { class: "says" }, description)));
  const head = el("tr", {}, ...["column", "value", "unit", "meaning"].map((text) => el("th", { scope: "col" }, text)));
  return el("section", {}, el("h3", {}, "Catalogue"), el("div", { class: "wide" }, el("table", { class: "catalogue" }, el("thead", {}, head), el("tbody", {}, ...rows))));
}
