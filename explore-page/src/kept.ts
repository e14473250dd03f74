// Selections that are kept with the run: named, opened again, deleted, compared.
import { json, post } from "./api";
import { choice, el, isStill, number, titled } from "./dom";
import { digitsBetween } from "./numbers";
import { means, type Mean } from "./plots";

interface One { name: string; n: number; said: string; when: string }
interface Listed { kept: One[]; refused: string }
interface Distinction { column: string; value: string; unit?: string | null; effect: number | null; inside: number | null; outside: number | null }
interface Compared { names: [string, string]; n: [number, number]; both: number; columns: Distinction[]; curves: (Omit<Mean, "x" | "y"> & { phase: number[]; value: (number | null)[]; column: string } | null)[]; spectra: { wavelength: number[]; flux: (number | null)[]; error: (number | null)[]; n: number; axis: string; left_out: number }[] }

const OTHERS = "all others";
let asked = 0; // comparisons: the newest alone is shown

// Which two are compared, and who is told of others; none without names.
export interface Comparison { now: () => [string, string] | null; change: (one: string, other: string) => void }

export interface Hooks {
  rows: () => number[];
  said: () => string;
  open: (name: string) => Promise<void>;
  judge: (name: string) => Promise<void>;
  comparison: Comparison;
  guarded: (what: () => Promise<void>) => Promise<void>;
}

// The part of a selection's page that keeps it, and opens those that are kept.
export function keptPart(hooks: Hooks): HTMLElement {
  const part = el("section", { id: "kept" }, el("h3", {}, "Kept with the run"));
  if (isStill()) return part; // a copy keeps nothing
  void hooks.guarded(async () => draw(part, hooks, await json<Listed>("kept")));
  return part;
}

function draw(part: HTMLElement, hooks: Hooks, { kept, refused }: Listed): void {
  const say = (text: string, says: string, act: () => Promise<void>) => el("button", { type: "button", title: says, "aria-label": says, click: () => void hooks.guarded(act) }, text);
  const send = async (path: string, values: Record<string, string>, body: Blob) => {
    const told = (await (await post(path, values, body)).json()) as Omit<Listed, "refused">;
    draw(part, hooks, { ...told, refused });
  };
  const box = el("input", { type: "text", "aria-label": "Name of the selection", placeholder: "name", size: "14", spellcheck: "false" });
  const form = el("form", { class: "controls", submit: (event) => {
    event.preventDefault();
    const name = box.value.trim();
    const known = kept.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (name) void hooks.guarded(async () => {
      if (known) throw new Error(`A selection '${known.name}' of ${known.n.toLocaleString("en")} objects is kept already: delete it first, or give another name.`);
      await send("kept/keep", { name, said: hooks.said() }, new Blob([Int32Array.from(hooks.rows()).buffer]));
    });
  } }, el("label", {}, "keep as ", box), el("button", {}, "keep"));
  // a slip of the hand deletes nothing: it is asked once more
  const forget = (name: string): HTMLElement => say("delete", `Delete ${name}`, async () => {
    const sure = say("delete for good", `Delete ${name} for good`, () => send("kept/forget", { name }, new Blob([" "])));
    part.querySelector(`[data-kept="${CSS.escape(name)}"] td:last-child`)?.replaceChildren(sure);
    sure.focus();
  });
  const rows = kept.map(({ name, n, said, when }) => el("tr", { "data-kept": name },
    el("td", {}, el("button", { type: "button", class: "link", click: () => void hooks.guarded(() => hooks.open(name)) }, name)),
    el("td", {}, n.toLocaleString("en")), el("td", { class: "says" }, `${said} · ${when.slice(0, 10)}`),
    el("td", {}, !refused && say("judge", `Judge the objects of ${name} one after another, by keys`, () => hooks.judge(name))), el("td", {}, !refused && forget(name))));
  const before = part.querySelector<HTMLElement>("#compared"); // it stays while others are kept or deleted
  const result = before ?? el("div", { id: "compared" });
  const there = (name: string) => name === OTHERS || kept.some((known) => known.name === name);
  let [one, other] = hooks.comparison.now() ?? ["", ""];
  const told = !!one && there(one) && there(other);
  if (!told) {
    if (one) hooks.comparison.change("", "");
    result.replaceChildren();
    [one, other] = [kept.at(-1)?.name ?? "", OTHERS];
  }
  const names = kept.map(({ name }) => ({ value: name, text: name }));
  const compare = el("div", { class: "controls" },
    choice("compare", names, one, (name) => { one = name; }), choice("with", [{ value: OTHERS, text: OTHERS }, ...names], other, (name) => { other = name; }),
    say("compare", "Compare the two", () => comparing()));
  const comparing = async () => {
    const mine = ++asked;
    const pair = [one, other] as const; // the menus may say others by the time of the answer
    result.replaceChildren(el("p", { role: "status" }, "comparing …"));
    try {
      const compared = await json<Compared>("compared", { name: pair[0], with: pair[1] });
      if (mine !== asked || !result.isConnected) return;
      show(result, compared);
      hooks.comparison.change(...pair);
    } catch (error) {
      if (mine !== asked) return;
      result.replaceChildren();
      throw error;
    }
  };
  part.replaceChildren(el("h3", {}, "Kept with the run"), refused ? el("small", {}, refused) : hooks.rows().length ? form : el("small", {}, kept.length ? "" : "No selection is kept yet: select some objects, and name them."),
    ...(kept.length ? [el("div", { class: "wide" }, el("table", {}, el("tbody", {}, ...rows))), compare, result] : []));
  if (told && !before && part.isConnected) void hooks.guarded(comparing);
}

function show(into: HTMLElement, told: Compared): void {
  const [a, b] = told.names;
  const head = el("tr", {}, ...["column", a, b, "effect"].map((text) => el("th", { scope: "col" }, text)));
  const rows = told.columns.map(({ column, value, unit, effect, inside, outside }) => {
    const digits = digitsBetween(inside ?? 0, outside ?? inside ?? 0, 2, 4);
    const cell = (v: number | null) => (v === null ? "" : value ? `${(100 * v).toFixed(0)} %` : number(Number(v.toPrecision(digits)), digits));
    return el("tr", {}, el("th", { scope: "row" }, value ? `${column} is ${value}` : unit ? `${column} [${unit}]` : column), el("td", {}, cell(inside)), el("td", {}, cell(outside)), el("td", {}, effect === null ? "" : effect.toFixed(2)));
  });
  const both = told.both ? ` ${told.both.toLocaleString("en")} objects in both are left out.` : "";
  const table = rows.length
    ? el("div", { class: "wide" }, el("table", { id: "apart" }, el("thead", {}, head), el("tbody", {}, ...rows)))
    : el("p", {}, "No column sets them apart by more than chance.");
  into.replaceChildren(
    el("small", { role: "status" }, `${told.n[0].toLocaleString("en")} objects of ${a}, ${told.n[1].toLocaleString("en")} of ${b}.${both} Medians of numbers and shares of text, of the objects that have a value there; the effect is in standard deviations, of text log2 of the ratio.`), table);
  const curves = told.curves.map((curve) => curve && { x: curve.phase, y: curve.value, error: curve.error, n: curve.n });
  const spectra = told.spectra.map(({ wavelength, flux, error, n }) => ({ x: wavelength, y: flux, error, n }));
  for (const [title, both, x] of [["Mean folded light curves, each from its faintest to its brightest", curves, titled("Phase", told.curves.find(Boolean) ?? { column: "" })], ["Mean spectra, each of unit median", spectra, told.spectra[0]?.axis ?? ""]] as const) {
    if (!both.some(Boolean)) continue;
    const plot = el("div", { class: "plot" });
    into.append(el("h3", {}, title), plot);
    means(plot, both, told.names, x);
  }
  const lacking = told.spectra.flatMap(({ left_out }, i) => (left_out ? [`${left_out.toLocaleString("en")} of ${told.names[i]}`] : []));
  if (lacking.length) into.append(el("small", { id: "left-out" }, `Left out of the mean spectra, as their redshift is unknown: ${lacking.join(", ")}.`));
}
