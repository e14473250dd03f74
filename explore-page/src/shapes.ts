// Shapes of the marks of bands, in the order of BAND_MARKERS in src/skybind/drawing/style.py: corners
// on a circle of radius 1, y down. The first is the circle itself.
type Corner = readonly [number, number];

function turned(angles: number[], radius = (_: number) => 1): Corner[] {
  return angles.map((angle, i) => [radius(i) * Math.cos((angle * Math.PI) / 180), radius(i) * Math.sin((angle * Math.PI) / 180)]);
}

const triangle = (top: number) => turned([top, top + 120, top + 240]);
// a cross of four arms, each of two outer corners with an inner one behind
const arms = (first: number) => turned([0, 90, 180, 270].flatMap((arm) => [first + arm - 20, first + arm + 20, first + arm + 45]), (i) => (i % 3 === 2 ? 0.48 : 1));
const SHAPES: Corner[][] = [[], turned([45, 135, 225, 315]), triangle(-90), turned([0, 90, 180, 270]), arms(0), arms(45), triangle(180), triangle(0)];
const SIGNS = ["●", "■", "▲", "◆", "✚", "✖", "◀", "▶"];

// Add a shape about a point to a path.
export function trace(path: Path2D | CanvasRenderingContext2D, shape: number, x: number, y: number, radius: number): void {
  const corners = SHAPES[shape] ?? [];
  if (!corners.length) {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  corners.forEach(([dx, dy], i) => (i ? path.lineTo(x + radius * dx, y + radius * dy) : path.moveTo(x + radius * dx, y + radius * dy)));
  path.closePath();
}

interface Bands { bands: Record<string, string>; shapes: Record<string, number> }

export const bandShape = ({ shapes }: Bands, band: string): number => shapes[band] ?? 0;

// The name of a band for a legend, with its shape where the bands have several.
export function bandName(of: Bands, band: string): string {
  const name = band || "no band";
  return Object.values(of.shapes).some(Boolean) ? `${SIGNS[bandShape(of, band)]} ${name}` : name;
}
