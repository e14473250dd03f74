// Objects alike, as small multiples beside the one that is looked at.
import { json, type Found, type Small, type Survey } from "./api";
import { choice, el } from "./dom";
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
  const bar = el("div", { class: "controls" },
    choice("by", [mean, ...asked.modalities.map(name)], view.by ?? "", (by) => changed({ by })),
    choice("in", [{ value: "", text: "the same" }, ...survey.modalities.map(name)], view.to ?? "", (to) => changed({ to })),
    choice("but unlike in", [{ value: "", text: "–" }, ...asked.modalities.map(name)], view.contrast ?? "", (contrast) => changed({ contrast })));
  const note = el("small", { role: "status" }, "searching …");
  into.replaceChildren(el("h3", {}, "Most alike"), bar, note);
  const question: Record<string, string | number> = { id, k: 12 };
  for (const key of ["by", "to", "contrast", "where"] as const) if (view[key]) question[key] = view[key] as string;
  let answer: Found;
  try {
    answer = await json<Found>("neighbours", question);
  } catch (error) {
    note.textContent = (error as Error).message;
    return;
  }
  if (!note.isConnected) return; // another question took its place
  note.remove();
  await matches(into, answer, open, found);
  into.dataset["drawn"] = id;
}

// The matches of a search, drawn as they come.
export async function matches(into: HTMLElement, answer: Found, open: (id: string) => void, found: (rows: number[]) => void): Promise<void> {
  const list = el("ol", { class: "multiples" });
  const how = `${answer.source.join(" + ")} → ${answer.target.join(" + ")}, ${answer.searched.toLocaleString("en")} objects compared, exact`;
  into.append(el("small", { role: "status" }, [how, ...answer.notes].join(". ")), list);
  const slots = answer.matches.map((match) => {
    const slot = el("div", { class: "slot" });
    const facts = [match.class ?? "no class", match.relation === "alike" ? "" : match.relation].filter(Boolean).join(", ");
    const cosine = match.contrast === null ? match.cosine.toFixed(3) : `${match.cosine.toFixed(3)} / ${match.contrast.toFixed(3)}`;
    list.append(el("li", {}, el("button", { type: "button", "data-id": match.object_id, click: () => open(match.object_id) },
      slot, el("b", {}, match.object_id), el("span", {}, facts), el("span", { title: "cosine" }, cosine))));
    return slot;
  });
  found(answer.matches.map((match) => match.row));
  if (!answer.matches.length) return;
  const drawn = await json<{ small: Small[] }>("small", { rows: answer.matches.map((match) => match.row).join(",") });
  drawn.small.forEach((one, i) => fill(slots[i]!, one));
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
