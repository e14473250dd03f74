// Numbers at given ranks of many, without sorting all of them.
const BINS = 4096;

// The numbers that so large a share of all lies below, one for each share; none where there are no
// numbers. With `positive` only those above 0 count.
export function ranked(values: ArrayLike<number>, shares: number[], positive = false): number[] {
  const known = new Float64Array(values.length);
  let [n, low, high] = [0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value) || (positive && value <= 0)) continue;
    known[n++] = value;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!n) return [];
  // by halves, as the whole range of doubles is no double; nor is one over the smallest
  const start = 0.5 * low;
  const scale = Math.min((BINS - 1) / (0.5 * high - start || 1), Number.MAX_VALUE);
  const binOf = (value: number) => Math.floor((0.5 * value - start) * scale);
  const counts = new Uint32Array(BINS);
  for (let i = 0; i < n; i++) counts[binOf(known[i]!)]!++;
  // the bin of each rank, and how many of it lie before
  const sought = shares.map((share) => {
    let rank = Math.min(n - 1, Math.round(share * (n - 1)));
    let bin = 0;
    while (rank >= counts[bin]!) rank -= counts[bin++]!;
    return { bin, rank };
  });
  // only the bins that are asked for are sorted, all of them found in one pass
  const place = new Int32Array(BINS).fill(-1);
  const within = [...new Set(sought.map(({ bin }) => bin))].map((bin, i) => {
    place[bin] = i;
    return new Float64Array(counts[bin]!);
  });
  const filled = new Uint32Array(within.length);
  for (let i = 0; i < n; i++) {
    const own = place[binOf(known[i]!)]!;
    if (own >= 0) within[own]![filled[own]!++] = known[i]!;
  }
  for (const values of within) values.sort();
  return sought.map(({ bin, rank }) => within[place[bin]!]![rank]!);
}
