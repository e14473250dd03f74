// An image, as the survey's viewer shows it or with a stretch of one's own.
import { json, type Picture } from "./api";
import { choice, el, isStill, number, titled } from "./dom";
import { STRETCHES, type Addressed } from "./state";

const [BLACK, WHITE] = ["1", "99.5"]; // percentiles, unless others are asked for

export function picturePart(whose: Record<string, string | number>, picture: Picture, name: string, { view, change }: Addressed): HTMLElement {
  const shown = el("img", { class: "picture", src: picture.png, alt: `Image of ${name}` });
  const percentile = (value: string, says: string) => el("input", { type: "number", min: "0", max: "100", step: "any", value, disabled: true, "aria-label": says });
  const [low, high] = [percentile(view.black || BLACK, "Percentile of black"), percentile(view.white || WHITE, "Percentile of white")];
  const said = el("small", { role: "status" });
  let [stretch, asked] = [view.stretch ?? "", 0];
  const again = async () => {
    const mine = ++asked;
    for (const box of [low, high]) box.disabled = !stretch;
    try {
      const made = stretch ? await json<Picture>("picture", { ...whose, stretch, low: low.value, high: high.value }) : picture;
      if (mine !== asked) return;
      shown.src = made.png;
      shown.dataset["stretch"] = stretch;
      said.textContent = "";
      const own = (box: HTMLInputElement, usual: string) => (stretch && box.value !== usual ? box.value : "");
      change({ stretch, black: own(low, BLACK), white: own(high, WHITE) });
    } catch (error) {
      if (mine === asked) said.textContent = (error as Error).message;
    }
  };
  for (const box of [low, high]) box.addEventListener("change", () => void again());
  const stretches = [{ value: "", text: "as the survey shows it" }, ...STRETCHES.map((value) => ({ value, text: value }))];
  const controls = el("div", { class: "controls", id: "stretch" },
    choice("stretch", stretches, stretch, (value) => { stretch = value; void again(); }), el("label", {}, "black at ", low, " %"), el("label", {}, "white at ", high, " %"));
  if (stretch && !isStill()) void again();
  const { side, pixel_scale, whole } = picture;
  const middle = whole && whole > side ? `; the middle of ${whole} × ${whole} pixels` : "";
  const size = (pixel_scale ? `${number(Number((side * pixel_scale).toPrecision(3)))}″ on a side` : `${side} pixels on a side`) + middle;
  return el("section", {}, el("h3", {}, titled("Image", picture)), shown, !isStill() && controls, el("small", {}, size), said);
}
