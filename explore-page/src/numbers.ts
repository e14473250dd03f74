// Ends of many numbers, and how many digits tell some apart.

// The smallest and the largest finite number; of none they are infinite, the wrong way round. Many
// numbers are no arguments of Math.min, whose stack they overflow.
export function extent(values: ArrayLike<number | null>): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// Significant digits that tell two numbers apart, in either order, and `more` digits of what lies between them.
export function digitsBetween(one: number, other: number, more = 3, least = 7): number {
  const size = Math.max(Math.abs(one), Math.abs(other));
  const wanted = Math.floor(Math.log10(size)) - Math.floor(Math.log10(Math.abs(one / 2 - other / 2))) + more;
  return Number.isFinite(wanted) ? Math.min(17, Math.max(least, wanted)) : least;
}
