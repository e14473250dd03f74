// What this is, so that it can be cited: which run and model, of which dataset, by which skybind.
import type { Survey } from "./api";
import { el } from "./dom";

export function about({ about: said }: Survey): HTMLElement {
  const rows = Object.entries(said).map(([name, text]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, text)));
  return el("section", { class: "about" }, el("h3", {}, "About, and to cite it"), el("table", {}, el("tbody", {}, ...rows)));
}
