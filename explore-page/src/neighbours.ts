// Objects alike, as small multiples beside the one that is looked at.
import { json, type Found, type Match, type Small, type Survey } from "./api";
import { choice, el, isStill } from "./dom";
import { small } from "./plots";
import type { View } from "./state";

export interface Asked { view: Partial<View>; id: string; modalities: string[] }

export async function neighbours(
  into: HTMLElement,
  survey: Survey,
  asked: Asked,
  changed: (change: Partial<View>) => void,
  open: (id: string) => void,
  found: (rows: number[]) => void,
): Promise<void> {
  const { view, id } = asked;
  const mean = { value: "", text: "all (mean)" };
  const name = (value: string) => ({ value, text: value });
  // a copy holds the objects alike in the modality that they are searched by
  const turned = (part: Partial<View>) => changed({ ...part, ...(itself(asked, { ...view, ...part }) === view.contrast ? { contrast: "", here: "", there: "" } : {}) });
  const others = asked.modalities.filter((one) => one !== itself(asked, view));
  const bar = el("div", { class: "controls" },
    choice("by", [mean, ...asked.modalities.map(name)], view.by ?? "", (by) => turned({ by })),
    !isStill() && choice("in", [{ value: "", text: "the same" }, ...survey.modalities.map(name)], view.to ?? "", (to) => turned({ to })),
    !isStill() && choice("but unlike in", [{ value: "", text: "–" }, ...others.map(name)], view.contrast ?? "", (contrast) => changed({ contrast, here: "", there: "" })));
  if (view.contrast && !isStill()) {
    bar.append(
      weight("alike here", "Weight of being alike where it is searched", view.here, (here) => changed({ here })),
      weight(`unlike in ${view.contrast}`, `Weight of being unlike in ${view.contrast}`, view.there, (there) => changed({ there })));
  }
  const note = el("small", { role: "status" }, "searching …");
  // a slider that was moved keeps the focus, so that a key moves it on
  const held = into.contains(document.activeElement) ? document.activeElement!.getAttribute("aria-label") : null;
  into.replaceChildren(el("h3", {}, "Most alike"), bar, note);
  if (held) Array.from(bar.querySelectorAll<HTMLElement>("[aria-label]")).find((one) => one.getAttribute("aria-label") === held)?.focus();
  const question: Record<string, string | number> = { id, k: 12 };
  for (const key of ["by", "to", "contrast", "where"] as const) if (view[key]) question[key] = view[key] as string;
  if (view.contrast) for (const key of ["here", "there"] as const) if (view[key]) question[key] = view[key] as string;
  let answer: Found;
  try {
    answer = await json<Found>("neighbours", question);
  } catch (error) {
    note.textContent = (error as Error).message;
    return;
  }
  if (!note.isConnected) return; // another question took its place
  note.remove();
  await matches(into, answer, open, found, view.contrast);
  into.dataset["drawn"] = id;
}

// The modality that is searched by itself, which says nothing as its own contrast; "" across several.
function itself({ modalities }: Asked, { by, to }: Partial<View>): string {
  const source = by || (modalities.length === 1 ? modalities[0]! : "");
  return !to || to === source ? source : "";
}

// A slider from 0 to 1; 1 is not told by the address.
function weight(text: string, says: string, value: string | undefined, changed: (value: string) => void): HTMLElement {
  const now = el("output", {}, value || "1");
  const slider = el("input", { type: "range", min: "0", max: "1", step: "0.05", value: value || "1", "aria-label": says, input: () => { now.textContent = slider.value; }, change: () => changed(slider.value === "1" ? "" : slider.value) });
  return el("label", { class: "weight" }, `${text} `, slider, now);
}

// The matches of a search, drawn as they come.
export async function matches(into: HTMLElement, answer: Found, open: (id: string) => void, found: (rows: number[]) => void, contrast?: string): Promise<void> {
  const list = el("ol", { class: "multiples" });
  const [source, target] = [answer.source.join(" + "), answer.target.join(" + ")];
  const across = source !== target;
  const how = `${source} → ${target}, ${answer.searched.toLocaleString("en")} objects, ${answer.how}`;
  const ranked = contrast && `The ${answer.among} most alike here, ranked by both cosines with the weights above, each cosine in standard deviations among them. Here: cosine of ${across ? `${source} with ` : ""}${target}; there: of ${across ? `${contrast} with ` : ""}${contrast}.`;
  const strange = answer.matches.length > 0 && answer.matches.every(({ relation }) => relation === "unlike");
  const notes = answer.notes.map((note) => el("p", { class: strange ? "doubt" : "note" }, note));
  into.append(el("small", { role: "status" }, how), ...(ranked ? [el("small", { class: "ranked" }, ranked)] : []), ...notes, list);
  const buttons = answer.matches.map((match) => {
    const slot = el("div", { class: "slot" });
    const facts = [match.class ?? "no class", match.relation === "alike" ? "" : match.relation].filter(Boolean).join(", ");
    const button = el("button", { type: "button", "data-id": match.object_id, click: () => open(match.object_id) },
      slot, el("b", {}, match.object_id), el("span", {}, facts), el("span", {}, cosines(match)));
    list.append(el("li", {}, button));
    return button;
  });
  found(answer.matches.map((match) => match.row));
  if (!answer.matches.length) return;
  const drawn = await json<{ small: Small[] }>("small", { rows: answer.matches.map((match) => match.row).join(","), of: answer.target.join("+") });
  drawn.small.forEach((one, i) => {
    const button = buttons[i]!;
    fill(button.querySelector<HTMLElement>(".slot")!, one);
    if (!one.absent) return;
    button.disabled = true;
    button.title = "This copy does not hold what was observed of it";
    button.querySelector(".slot")!.append(el("span", { class: "absent" }, "not in this copy"));
  });
}

function cosines({ cosine, contrast }: Match): string {
  const here = cosine.toFixed(3);
  return contrast === null ? `cosine ${here}` : `cosine here ${here}, there ${contrast.toFixed(3)}`;
}

function fill(slot: HTMLElement, one: Small): void {
  for (const [what, points] of [[one.curve, true], [one.spectrum, false]] as const) {
    if (!what) continue;
    const canvas = el("canvas", { "aria-hidden": "true" });
    slot.append(canvas);
    small(canvas, what, points);
  }
  if (one.image) slot.append(el("img", { src: one.image.png, alt: "" }));
}
