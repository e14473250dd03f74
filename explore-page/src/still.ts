// A still copy of the explorer: the page's questions are answered from files, which any server of
// files gives. Loaded before the page, and only there.
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import type { Found, SkyObject, Small, Still, Survey } from "./api";
import { byId, el, shown } from "./dom";
import { phases } from "./fold";
import { fulfilled, type Stored } from "./where";

interface Made { made: string; of: number; on_maps: number; rows: number[]; survey: Survey; block: number; asked: string[] }
// Of every object on a map, in the order of their rows.
interface Cards {
  row: number[]; object_id: string[]; class: string[]; split: string[];
  beside: Record<string, (number | string | null)[]>;
}
interface Held { page: SkyObject; alike: Record<string, Found>; small: Record<string, Small> } // small: by modality, those that "" does not draw
interface Block { head: string; lines: string[] }

const NOTHING: Small = { curve: null, spectrum: null, image: null, absent: true };
const ANSWER = "'skybind explore' of the run itself does.";
const read = new Map<string, Promise<unknown>>();

function file<T>(name: string): Promise<T> {
  let known = read.get(name) as Promise<T> | undefined;
  if (!known) {
    known = got(name).then((answer) => answer.json() as Promise<T>);
    read.set(name, known);
    known.catch(() => read.delete(name));
    if (read.size > 300) read.delete(Array.from(read.keys()).find((key) => key.startsWith("objects/")) ?? name);
  }
  return known;
}

async function got(name: string): Promise<Response> {
  const answer = await fetch(`data/${name}`).catch(() => null);
  if (!answer?.ok) throw new Error(`This copy is not whole: data/${name} cannot be read from where it is served.`);
  return answer;
}

const made = () => file<Made>("copy.json");
const cards = () => file<Cards>("cards.json");
const held = (row: number) => file<Held>(`objects/${row}.json`);
const places = cards().then(({ row, object_id }) => ({
  row: new Map(row.map((value, place) => [value, place])),
  id: new Map(object_id.map((value, place) => [value, place])),
}));
places.catch(() => undefined); // told by the question that needs it
const chosen = made().then(({ rows }) => new Set(rows));
chosen.catch(() => undefined);

async function object(id: string): Promise<Held> {
  const place = (await places).id.get(id);
  if (place === undefined) throw new Error(`This copy has no object '${id}': it holds those on the maps.`);
  const row = (await cards()).row[place]!;
  const { rows, on_maps } = await made();
  if (!(await chosen).has(row)) throw new Error(`This copy shows ${rows.length.toLocaleString("en")} of the ${on_maps.toLocaleString("en")} objects on the maps, and ${id} is none of them. ${ANSWER}`);
  return held(row);
}

async function neighbours(values: Record<string, string | number>): Promise<Found> {
  const { alike } = await object(String(values["id"]));
  const [by, to] = [String(values["by"] ?? ""), String(values["to"] ?? "")];
  const found = alike[by];
  if (!found || (to && to !== by) || values["contrast"] || values["where"]) {
    throw new Error(`A still copy knows the objects alike in the modality that they are searched by alone. ${ANSWER}`);
  }
  return found;
}

const drawn = (small: Record<string, Small>, of: string): Small => small[of] ?? small[""]!;

async function find(text: string): Promise<{ names: string[]; hint: string }> {
  const { object_id } = await cards();
  const wanted = text.toLowerCase();
  const begin = object_id.filter((name) => name.toLowerCase().startsWith(wanted));
  const names = begin.length < 8 ? [...begin, ...object_id.filter((name) => name.toLowerCase().includes(wanted) && !begin.includes(name))] : begin;
  return { names: names.slice(0, 8), hint: "this copy holds the objects on the maps" };
}

async function card(row: number): Promise<object> {
  const [all, { row: at }] = [await cards(), await places];
  const place = at.get(row)!;
  const beside = (name: string) => all.beside[name]?.[place] ?? null;
  return { object_id: all.object_id[place], class: all.class[place] || null, split: all.split[place], predicted: beside("predicted class"), probability: beside("probability") };
}

async function selected(body?: ArrayBuffer | Blob): Promise<number[]> {
  const bytes = body instanceof Blob ? await body.arrayBuffer() : body ?? new ArrayBuffer(0);
  const { row } = await places;
  return Array.from(new Int32Array(bytes), (value) => row.get(value)).filter((place): place is number => place !== undefined);
}

// Rows of the dataset, as the page reads them.
function rowsAnswer(row: number[], said = ""): Response {
  const table = tableFromArrays({ row: Int32Array.from(row) });
  table.schema.metadata = new Map([["skybind", JSON.stringify({ said })]]);
  return new Response(tableToIPC(table, { format: "stream" }) as Uint8Array<ArrayBuffer>);
}

// A column with every digit: what JSON has no number for is written as text.
async function stored(name: string): Promise<Stored> {
  const { asked } = await made();
  const { kind, values } = await file<Stored>(`values/${asked.indexOf(name)}.json`);
  if (kind === "text") return { kind, values };
  return { kind, values: values.map((value) => (typeof value !== "string" ? value : kind === "int" ? BigInt(value) : Number(value))) };
}

// The objects on the maps that fulfil a condition.
async function where(condition: string): Promise<Response> {
  const [{ row }, { asked }] = [await cards(), await made()];
  const holds = await fulfilled(condition, row.length, asked, stored);
  return rowsAnswer(row.filter((_, place) => holds[place]));
}

// The objects on the maps that are named, or of a class.
async function chosenBy(by: string, text: string): Promise<Response> {
  const all = await cards();
  const { id } = await places;
  if (by === "names") {
    const parts = (line: string, mark: RegExp | string) => line.split(mark).map((part) => part.trim()).filter(Boolean);
    const names = text.split(/[\r\n]+/).flatMap((line) => [[line.trim()], parts(line, ","), parts(line, /\s+/)].find((some) => some.some((name) => id.has(name))) ?? parts(line, ","));
    const found = new Set(names.flatMap((name) => id.get(name) ?? []));
    if (!found.size) throw new Error(`This copy has no object '${shown(names[0] ?? "")}': it holds those on the maps.`);
    const missing = names.filter((name) => !id.has(name));
    const said = missing.length ? `${missing.length} of ${names.length} names are not there: ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? " ..." : ""}` : "";
    return rowsAnswer(Array.from(found).sort((a, b) => a - b).map((place) => all.row[place]!), said);
  }
  const values = by === "class" ? all.class : by === "predicted class" ? all.beside[by] : undefined;
  if (!values) throw new Error(`A still copy cannot do this. ${ANSWER}`);
  const rows = all.row.filter((_, place) => values[place] === text.trim());
  if (!rows.length) throw new Error(`No object of this copy has the ${by} '${shown(text.trim())}'.`);
  return rowsAnswer(rows);
}

async function summary(at: number[]): Promise<object> {
  const all = await cards();
  const counts = new Map<string, number>();
  for (const place of at) counts.set(all.class[place]!, (counts.get(all.class[place]!) ?? 0) + 1);
  const classes = Array.from(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([name, n]) => [name || "no class", n]);
  const beside = Object.entries(all.beside);
  const listed = at.slice(0, 200).map((place) => ({ object_id: all.object_id[place], class: all.class[place], ...Object.fromEntries(beside.map(([name, values]) => [name, values[place]])) }));
  return { n: at.length, of: all.row.length, classes, columns: ["object_id", "class", ...beside.map(([name]) => name)], listed };
}

async function csv(at: number[]): Promise<string> {
  if (!at.length) throw new Error("Nothing is selected: there is no table to write.");
  const { block } = await made();
  const parts: string[] = [];
  let head = "";
  for (const place of at) {
    const from = await file<Block>(`table/${Math.floor(place / block)}.json`);
    head = from.head;
    parts.push(from.lines[place % block]!);
  }
  return [head, ...parts].join("");
}

const answers: Record<string, (values: Record<string, string | number>, body?: ArrayBuffer | Blob) => Promise<unknown>> = {
  survey: async () => (await made()).survey,
  object: async ({ id }) => (await object(String(id))).page,
  card: async ({ row }) => card(Number(row)),
  neighbours,
  find: async ({ text }) => find(String(text)),
  selection: async (_, body) => summary(await selected(body)),
  small: async ({ rows, of }) => {
    const known = await chosen;
    const wanted = String(rows).split(",").map(Number);
    return { small: await Promise.all(wanted.map(async (row) => (known.has(row) ? drawn((await held(row)).small, String(of ?? "")) : NOTHING))) };
  },
  fold: async ({ id, period }) => {
    const { curve } = (await object(String(id))).page;
    if (!curve) throw new Error(`${id} has no light curve that could be folded.`);
    return { period, phase: phases(curve, Number(period)) };
  },
};

async function still(path: string, values: Record<string, string | number>, body?: ArrayBuffer | Blob): Promise<Response> {
  const { survey } = await made();
  const place = (name: string) => survey.maps.findIndex((map) => map.name === name);
  if (path === "map") return got(`map-${place(String(values["name"]))}.arrow`);
  if (path === "column") return got(`column-${place(String(values["map"]))}-${survey.columns.findIndex(({ name }) => name === values["name"])}.arrow`);
  if (path === "where") return where(String(values["condition"]));
  if (path === "chosen") return chosenBy(String(values["by"]), await (body as Blob).text());
  if (path === "export" && values["ending"] === ".csv") return new Response(await csv(await selected(body)));
  const answer = answers[path];
  if (!answer) throw new Error(`A still copy cannot do this. ${ANSWER}`);
  return Response.json(await answer(values, body));
}

(globalThis as { skybindStill?: Still }).skybindStill = still;
document.documentElement.dataset["still"] = "yes";
void made().then(({ made: when, of, on_maps, rows }) => {
  const count = (n: number) => n.toLocaleString("en");
  byId("error").before(el("p", { id: "still", role: "note" }, `A still copy of ${when}: of ${count(of)} objects ${count(on_maps)} are on its maps, and ${count(rows.length)} of these have their light curves, spectra, images and objects alike here. Names and conditions find those on the maps. Searches across modalities and by a file of one's own, cones, the sky, periodograms and judgements need 'skybind explore' of the run itself.`));
}).catch(() => undefined);
