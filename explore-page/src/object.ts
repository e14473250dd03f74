// The page of one object: what was observed of it, and what is said of it.
import type { OwnFile, SkyObject } from "./api";
import { curvePart } from "./curve";
import { choice, el, exact, isStill } from "./dom";
import { picturePart } from "./picture";
import { spectrumPart } from "./spectrum";
import { NOWHERE, type Addressed } from "./state";

export interface Told {
  page: SkyObject;
  // multiply the period that is folded with
  multiply: (factor: number) => void;
}

export function objectPage(page: SkyObject, address: Addressed, drawOf: (modality: string) => void): { parts: HTMLElement[]; told: Told; draw: () => void } {
  const parts: HTMLElement[] = [heading(page)];
  if (page.others.length && !isStill()) parts.push(ofWhat(page, drawOf));
  const whose = { id: page.object_id, of: page.of };
  const told: Told = { page, multiply: () => undefined };
  const draws: (() => void)[] = [];
  if (page.doubts?.reasons) parts.push(el("p", { class: "doubt" }, el("b", {}, `Suspect ${page.doubts.rank} of ${page.doubts.of}: `), page.doubts.reasons));
  if (page.curve) {
    const made = curvePart(whose, page.curve, address);
    parts.push(made.part);
    draws.push(made.draw);
    told.multiply = made.multiply;
  }
  if (page.spectrum) {
    const made = spectrumPart(page.spectrum, address);
    parts.push(made.part);
    draws.push(made.draw);
  }
  if (page.image) {
    parts.push(picturePart(whose, page.image, page.object_id, address));
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
  const notes = own.notes.map((note) => el("li", {}, note));
  const parts: HTMLElement[] = [el("header", {}, el("h2", {}, own.name), el("p", {}, `${own.modality} of a file of your own`), el("ul", { class: "notes" }, ...notes))];
  const draws: (() => void)[] = [];
  if (own.curve) {
    const made = curvePart({ file: own.number }, own.curve, NOWHERE);
    parts.push(made.part);
    draws.push(made.draw);
  }
  if (own.spectrum) {
    const made = spectrumPart(own.spectrum, NOWHERE);
    parts.push(made.part);
    draws.push(made.draw);
  }
  if (own.image) parts.push(picturePart({ file: own.number }, own.image, own.name, NOWHERE));
  if (own.classes) parts.push(classes(own.classes), el("ul", { class: "notes" }, ...own.classes.notes.map((note) => el("li", {}, note))));
  parts.push(el("section", { id: "alike" }));
  return { parts, draw: () => draws.forEach((draw) => draw()) };
}

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
