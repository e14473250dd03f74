// The light curve of an object: in time and folded at a period that is chosen, and the periodogram.
import type uPlot from "uplot";
import { json, type Curve } from "./api";
import { choice, el, isStill, short, titled } from "./dom";
import { curveInTime, epochs, limitPhases, peaks, powerPlot, type Power } from "./plots";
import type { Addressed } from "./state";

export function curvePart(whose: Record<string, string | number>, curve: Curve, { view, change }: Addressed) {
  const time = el("div", { class: "plot" });
  const phase = el("div", { class: "plot", id: "folded" });
  const box = el("input", { type: "number", step: "any", min: "0", "aria-label": "Period in days" });
  const slider = el("input", { type: "range", min: "-1", max: "1", step: "0.0005", value: "0", "aria-label": "Period, by up to 1 % less or more" });
  const own = curve.searched ? "the period found in the light curve" : "file" in whose ? "the period that you gave" : "the period of the catalogue";
  const source = el("span", { id: "whose-period", role: "status" }, whosePeriod(curve, own, 0));
  let [middle, shown, busy, next, stands] = [0, 0, false, 0, 0];
  let [plot, marked]: (uPlot | null)[] = [null, null];
  let asked = 0; // for periodograms
  const fold = async (period: number): Promise<void> => {
    next = period;
    if (busy) return;
    busy = true;
    try {
      while (next !== shown) {
        const wanted = next;
        const { phase: x } = await json<{ phase: number[] }>("fold", { ...whose, period: wanted });
        if (!phase.isConnected) return; // another object is shown by now, with a period of its own
        refold(wanted);
        source.textContent = whosePeriod(curve, own, shown);
        plot = epochs(phase, curve, x, limitPhases(curve, x, wanted), wanted, "Phase (two cycles)");
        phase.dataset["period"] = String(wanted);
        change({ period: wanted === curve.period ? "" : String(wanted) });
      }
    } catch (error) {
      refold(0);
      source.textContent = whosePeriod(curve, own, 0);
      phase.append(el("small", { role: "status" }, (error as Error).message));
    } finally {
      busy = false;
    }
  };
  // What was folded before makes place for another period, which the periodogram marks; 0 for none.
  const refold = (period: number) => {
    shown = period;
    marked?.redraw(false);
    plot?.destroy();
    plot = null;
    phase.replaceChildren();
    delete phase.dataset["period"];
  };
  const written = (period: number) => {
    const valid = period > 0 && Number.isFinite(period);
    stands = valid ? period : busy ? next : shown; // what is folded, or is about to be, with every digit
    if (stands) box.value = String(Number(stands.toPrecision(9)));
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
  const multiply = (factor: number) => take(stands * factor);
  const button = (text: string, says: string, click: () => void) => el("button", { type: "button", title: says, "aria-label": says, click }, text);
  const press = (text: string, factor: number, says: string) => button(text, says, () => multiply(factor));
  // observed once a night, a star repeats as well with one turn a day more or less
  const daily = (text: string, turns: number, says: string) => button(text, says, () => take(1 / Math.abs(1 / stands + turns)));
  const fewer = daily("−1/d", -1, "Daily alias: one turn a day less, 1 / (1/P − 1/d); at a period of one day there is none");
  const back = el("button", { type: "button", click: () => curve.period && take(curve.period) }, "own");
  back.title = "The catalogue's period, or the one that was found";
  const spectrum = el("div", { class: "plot", id: "power" });
  const power = el("button", { type: "button", id: "power-button", "aria-pressed": "false", title: "Lomb-Scargle periodogram; click a peak to fold at it", click: () => void periodogram(power.getAttribute("aria-pressed") !== "true") }, "power");
  const periodogram = async (on: boolean) => {
    power.setAttribute("aria-pressed", String(on));
    change({ power: on ? "yes" : "" });
    const mine = ++asked;
    marked?.destroy();
    marked = null;
    spectrum.replaceChildren();
    if (!on) return;
    try {
      const found = await json<Power>("power", whose);
      if (mine !== asked || !spectrum.isConnected) return;
      marked = powerPlot(spectrum, found, () => shown, take);
      const options = peaks(found).map(({ at, power: high }) => ({ value: String(at), text: `${short(at, 6)} d (power ${short(high, 3)})` }));
      spectrum.append(choice("fold at", [{ value: "", text: "a peak" }, ...options], "", (at) => take(Number(at))));
    } catch (error) {
      if (mine === asked) spectrum.replaceChildren(el("small", { role: "status" }, (error as Error).message));
    }
  };
  const controls = el("div", { class: "controls" }, el("label", {}, "period [d] ", box), press("×½", 0.5, "Half the period"), press("×2", 2, "Twice the period"),
    press("×⅓", 1 / 3, "A third of the period"), press("×3", 3, "Three times the period"),
    daily("+1/d", 1, "Daily alias: one turn a day more, 1 / (1/P + 1/d)"), fewer, !!curve.period && back, !isStill() && power, slider);
  const part = el("section", {}, el("h3", {}, titled("Light curve", curve)), time, controls, el("small", {}, `${counted(curve)}; `, source), spectrum, phase);
  const draw = () => {
    curveInTime(time, curve);
    const given = Number(view.period);
    const start = given > 0 ? given : curve.period;
    if (start) take(start);
    if (view.power && !isStill()) void periodogram(true);
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
