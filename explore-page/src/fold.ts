// Phases at a period, zero at minimum light: as skybind.drawing.folding, to rounding.
import type { Curve } from "./api";
import { extent } from "./numbers";

const [FEWEST, MOST, EPOCHS, STIFFNESS, PLACES, NEAR, LIMIT, FITS, SAME] = [2, 6, 5, 1e-3, 1000, 0.02, 2.5, 8, 1e-9];
const mod = (value: number) => value - Math.floor(value);
const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

export function phases(curve: Curve, period: number): number[] {
  if (!(period > 0)) throw new Error("The period cannot fold anything: give a positive one.");
  const phase = curve.time.map((t) => mod(t / period));
  const zero = minimumPhase(curve, phase);
  return phase.map((p) => Number(mod(p - zero).toFixed(5)));
}

function minimumPhase(curve: Curve, every: number[]): number {
  const known = every.flatMap((p, i) => (Number.isFinite(p) && Number.isFinite(curve.value[i] ?? NaN) ? [i] : []));
  if (!known.length) return 0;
  const phase = known.map((i) => every[i]!);
  const faint = known.map((i) => (curve.value_name === "Flux" ? -1 : 1) * curve.value[i]!);
  const weight = weights(known.map((i) => (curve.error ? curve.error[i] ?? NaN : NaN)));
  const bands = curve.band ? Array.from(new Set(known.map((i) => curve.band![i]!))) : [""];
  const band = known.map((i) => (curve.band ? bands.indexOf(curve.band[i]!) : 0));
  const same = SAME * extent(faint.map(Math.abs))[1];
  const harmonics = Math.min(MOST, Math.floor((known.length - bands.length) / EPOCHS));
  if (harmonics < FEWEST) {
    const mean = bands.map((_, b) => sum(faint.map((v, i) => (band[i] === b ? v * weight[i]! : 0))) / sum(weight.filter((_, i) => band[i] === b)));
    return phase[largest(faint.map((v, i) => v - mean[band[i]!]!), same)]!;
  }
  const design = phase.map((p, i) => [...bands.map((_, b) => Number(band[i] === b)), ...waves(p, harmonics)]);
  const penalty = [...bands.map(() => 0), ...waves(0, harmonics).map((_, k) => STIFFNESS * (Math.floor(k / 2) + 1) ** 2)];
  let own = weight;
  let found: number[] = [];
  for (let fit = 0; fit < FITS; fit++) {
    const total = sum(own);
    found = solved(design, own, faint, penalty.map((p) => p * total));
    const away = design.map((row, i) => Math.abs(faint[i]! - sum(row.map((v, k) => v * found[k]!))) * Math.sqrt(weight[i]!));
    const scale = LIMIT * 1.4826 * median(away);
    own = scale > same * Math.sqrt(extent(weight)[1]) ? weight.map((w, i) => w * Math.min(1, scale / Math.max(away[i]!, scale))) : weight;
  }
  const ordered = Float64Array.from(phase).sort();
  const places = Array.from({ length: PLACES }, (_, i) => (i + 0.5) / PLACES);
  let after = 0;
  const fitted = places.map((place) => {
    while (after < ordered.length && ordered[after]! < place) after++;
    const gap = Math.min(mod(ordered[after % ordered.length]! - place), mod(place - ordered[(after || ordered.length) - 1]!));
    return gap < NEAR ? sum(waves(place, harmonics).map((v, k) => v * found[bands.length + k]!)) : -Infinity;
  });
  return places[largest(fitted, same)]!;
}

// Where the first of the largest values stands.
function largest(values: number[], same: number): number {
  const least = values.reduce((most, value) => Math.max(most, value), -Infinity) - same;
  return values.findIndex((value) => value >= least);
}

// Inverse variances; no epoch counts more than twice one of the median error.
function weights(error: number[]): number[] {
  const good = error.filter((e) => Number.isFinite(e) && e > 0);
  if (!good.length) return error.map(() => 1);
  const middle = median(good);
  return error.map((e) => 1 / ((Number.isFinite(e) && e > 0 ? e : middle) ** 2 + middle ** 2));
}

function waves(phase: number, harmonics: number): number[] {
  return Array.from({ length: harmonics }, (_, k) => 2 * Math.PI * phase * (k + 1)).flatMap((angle) => [Math.cos(angle), Math.sin(angle)]);
}

// Weighted least squares with a penalty: the normal equations by Cholesky's decomposition.
function solved(design: number[][], weight: number[], value: number[], penalty: number[]): number[] {
  const n = penalty.length;
  const lower = penalty.map((p, j) => penalty.map((_, k) => (j === k ? p : 0)));
  const right = penalty.map(() => 0);
  design.forEach((row, i) => {
    for (let j = 0; j < n; j++) {
      const part = weight[i]! * row[j]!;
      right[j]! += part * value[i]!;
      for (let k = 0; k <= j; k++) lower[j]![k]! += part * row[k]!;
    }
  });
  for (let j = 0; j < n; j++) {
    for (let k = 0; k <= j; k++) {
      let rest = lower[j]![k]!;
      for (let m = 0; m < k; m++) rest -= lower[j]![m]! * lower[k]![m]!;
      lower[j]![k] = j === k ? Math.sqrt(rest) : rest / lower[k]![k]!;
    }
  }
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < j; k++) right[j]! -= lower[j]![k]! * right[k]!;
    right[j]! /= lower[j]![j]!;
  }
  for (let j = n - 1; j >= 0; j--) {
    for (let k = j + 1; k < n; k++) right[j]! -= lower[k]![j]! * right[k]!;
    right[j]! /= lower[j]![j]!;
  }
  return right;
}

function median(values: number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
