// Rings around the few objects that are looked at, on a canvas of their own above the points: a
// million points are not drawn again for them.
export const FEW = 200; // more of them would be one blot

export type At = [number, number];

export function drawRings(canvas: HTMLCanvasElement, places: At[]): void {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [width * devicePixelRatio, height * devicePixelRatio];
  canvas.dataset["rings"] = String(places.length);
  if (!places.length) return;
  const style = getComputedStyle(document.documentElement);
  const [ink, back] = ["--ink", "--back"].map((name) => style.getPropertyValue(name).trim()) as [string, string];
  const ctx = canvas.getContext("2d")!;
  ctx.scale(devicePixelRatio, devicePixelRatio);
  // what is marked first is what is looked at: its ring is drawn last, and wider
  places.forEach((_, i) => ring(ctx, places[places.length - 1 - i]!, i === places.length - 1, ink, back));
}

function ring(ctx: CanvasRenderingContext2D, [x, y]: At, first: boolean, ink: string, back: string): void {
  ctx.beginPath();
  ctx.arc(x, y, first ? 7 : 4.5, 0, 2 * Math.PI);
  for (const [colour, width] of [[back, first ? 5 : 3.5], [ink, first ? 2 : 1.5]] as const) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.stroke();
  }
}
