// The legend below the map: names with their colours, or a bar of numbers.
import { byId, choice, el, number } from "./dom";
import { digitsBetween } from "./numbers";

export const REST = "none or other"; // what has no name of its own

type Said = Record<string, unknown>;

// Names that can be clicked, so that the others are grey; `chosen` is the code of one that was.
export function drawNames(said: Said, value: ArrayLike<number>, chosen: number | null, pick: (name: string) => void): void {
  const [names, colours] = [said["names"] as string[], said["colours"] as string[]];
  const counts = new Array<number>(names.length + 1).fill(0);
  for (let i = 0; i < value.length; i++) counts[value[i]! < 0 ? names.length : value[i]!]!++;
  const entry = (name: string, code: number, colour: string) => {
    const swatch = el("span", { class: "swatch" });
    swatch.style.backgroundColor = colour;
    const pressed = chosen === code;
    return el("button", { type: "button", "aria-pressed": String(pressed), click: () => pick(pressed ? "" : name), title: "Keep the others grey" },
      swatch, name, el("small", {}, String(counts[code])));
  };
  const shown = names.map((name, code) => entry(name, code, colours[code]!));
  if (counts[names.length]) shown.push(entry(REST, names.length, said["other"] as string));
  const shared = new Set(colours).size < colours.length && el("small", { id: "shared" }, "Some share a colour: click a name to see it alone.");
  byId("legend").replaceChildren(...shown, ...(shared ? [shared] : []));
}

export interface Scale { log: boolean; clip: number } // logarithm; per cent cut off at each end
export const CLIPS = [0, 1, 5];

// A colour bar between two ends, or that there is nothing to colour by; and how many are grey.
export function drawBar(said: Said, value: ArrayLike<number>, ends: readonly number[], colours: string[], scale: Scale, rescale: (scale: Scale) => void): void {
  const unit = said["unit"] ? ` [${String(said["unit"])}]` : "";
  const log = el("input", { type: "checkbox", change: () => rescale({ ...scale, log: log.checked }) });
  log.checked = scale.log;
  const [low, high] = ends;
  const digits = digitsBetween(low ?? 0, high ?? 0);
  const bar = el("span", { class: "bar", role: "img", "aria-label": `from ${number(low, digits)} to ${number(high, digits)}` });
  bar.style.backgroundImage = `linear-gradient(to right, ${colours.filter((_, i) => i % 15 === 0).join(",")})`;
  const drawn = low === undefined ? [] : [el("span", {}, number(low, digits)), bar, el("span", {}, number(high, digits))];
  byId("legend").replaceChildren(
    el("span", {}, `${String(said["name"])}${unit}`), ...drawn, el("label", {}, log, "log"),
    choice("clip", CLIPS.map((v) => ({ value: String(v), text: `${v} %` })), String(scale.clip), (v) => rescale({ ...scale, clip: Number(v) })),
    el("small", { id: "grey" }, counted(value, ends, scale.log)));
}

// What the colours do not tell: values that are not there, have no logarithm, or lie beyond the ends.
function counted(value: ArrayLike<number>, [low, high]: readonly number[], log: boolean): string {
  let [missing, negative, beyond] = [0, 0, 0];
  for (let i = 0; i < value.length; i++) {
    const v = value[i]!;
    if (!Number.isFinite(v)) missing++;
    else if (log && v <= 0) negative++;
    else if (v < low! || v > high!) beyond++;
  }
  const count = (n: number, one: string, many: string) => n > 0 && `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
  return [
    count(missing, "has no value (grey)", "have no value (grey)"),
    count(negative, "is not above 0 and has no logarithm (grey)", "are not above 0 and have no logarithm (grey)"),
    count(beyond, "lies beyond the ends of the bar", "lie beyond the ends of the bar"),
  ].filter(Boolean).join("; ");
}
