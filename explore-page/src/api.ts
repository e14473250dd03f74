// Questions to the server. The token stands in the page's address and goes along in a header.
import { tableFromIPC } from "@uwdata/flechette";

const token = new URLSearchParams(location.search).get("token") ?? "";

type Values = Record<string, string | number>;

// A still copy of the explorer answers from its own files (still.ts).
export type Still = (path: string, values: Values, body?: ArrayBuffer | Blob) => Promise<Response>;
const still = (globalThis as { skybindStill?: Still }).skybindStill;

async function ask(path: string, values: Values, signal?: AbortSignal, body?: ArrayBuffer | Blob): Promise<Response> {
  if (still) return still(path, values, body);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) query.set(name, String(value));
  let answer: Response;
  try {
    answer = await fetch(`api/${path}?${query}`, { method: body ? "POST" : "GET", headers: { "x-skybind-token": token }, signal, body });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("The explorer does not answer: is 'skybind explore' still running?");
  }
  if (!answer.ok) throw new Error(((await answer.json()) as { error: string }).error);
  return answer;
}

export async function json<T>(path: string, values: Record<string, string | number> = {}, signal?: AbortSignal): Promise<T> {
  return (await (await ask(path, values, signal)).json()) as T;
}

export async function post(path: string, values: Values, body: ArrayBuffer | Blob): Promise<Response> {
  return ask(path, values, undefined, body);
}

export interface Columns {
  values: Record<string, ArrayLike<number>>;
  said: Record<string, unknown>;
}

export async function arrow(path: string, values: Record<string, string | number>, body?: Blob): Promise<Columns> {
  const table = tableFromIPC(await (await ask(path, values, undefined, body)).arrayBuffer());
  const found: Record<string, ArrayLike<number>> = {};
  for (const name of table.names) found[name] = table.getChild(name).toArray() as ArrayLike<number>;
  const note = table.schema.metadata?.get("skybind");
  return { values: found, said: note ? JSON.parse(note) : {} };
}

// `column` is what a condition calls it, null where none can name it.
export interface Paint { name: string; group: string; description: string; unit: string | null; number: boolean; column: string | null }
// A part of the split, with how many objects are in it; those in none are new.
export interface Part { name: string; objects: number }
export interface Survey {
  version: string; name: string; dataset: string; objects: number; simulated: boolean;
  modalities: string[]; maps: { name: string; objects: number; parts: Part[] }[]; parts: Part[]; method: string;
  columns: Paint[]; crowd: number; number_colours: string[]; classes: string[]; read_only: boolean; first: string | null;
  about: Record<string, string>;
}
export interface Card { object_id: string; class: string | null; split: string; predicted?: string | null; probability?: number | null }
export interface Curve {
  time: number[]; value: number[]; error: (number | null)[] | null; band: string[] | null; bands: Record<string, string>; shapes: Record<string, number>; // colour and shape of each band
  limits: { time: number[]; value: number[]; band: string[] | null } | null; // upper limits
  period: number | null; searched: boolean;
  value_name: string; value_unit: string; time_unit: string; column: string;
}
// Lines at rest; without a redshift there are none.
export interface Redshifted { redshift: number | null; lines: { name: string; wavelength: number }[] }
export interface Spectrum extends Redshifted {
  wavelength: number[]; flux: (number | null)[]; flux_unit: string; redshift_of: string; vacuum: boolean; column: string;
  expected: (Redshifted & { doubts: boolean }) | null;
}
// `whole`: pixels on a side of an image of which the middle alone is shown.
export interface Picture { png: string; side: number; whole: number | null; pixel_scale: number | null; column: string }
export interface SkyObject {
  object_id: string; row: number; split: string; position: [number | null, number | null]; class: string | null;
  modalities: string[]; others: string[]; of: string; // modalities that are drawn in place of another of their kind, and the one that is
  curve: Curve | null; spectrum: Spectrum | null; image: Picture | null;
  catalogue: { name: string; value: unknown; unit: string | null; description: string }[];
  classes: { modalities: string; probabilities: Record<string, number | null>; class: string | null; novelty: number | null; reason: string | null } | null;
  doubts: { rank: number; of: number; suspicion: number; reasons: string; suggested: string | null } | null;
  answered: { class: string | null; probability: number | null } | null;
  judged: { verdict: string; label: string | null; who: string; when: string; note: string } | null;
}
export interface Match {
  object_id: string; row: number; cosine: number; contrast: number | null; relation: string; split: string; class: string | null;
}
export interface Found { source: string[]; target: string[]; searched: number; how: string; among?: number; notes: string[]; matches: Match[] }
export interface Small {
  curve: { x: number[]; y: number[]; folded: boolean; upside_down: boolean; band: string[] | null; bands: Record<string, string>; shapes: Record<string, number> } | null;
  spectrum: { x: number[]; y: (number | null)[] } | null;
  image: Picture | null;
  absent?: boolean; // a copy does not hold it
}
export interface OwnFile {
  name: string; number: number; modality: string; curve: Curve | null; spectrum: Spectrum | null; image: Picture | null;
  features: Record<string, number>; notes: string[]; found: Found;
  classes: (NonNullable<SkyObject["classes"]> & { notes: string[] }) | null;
}
