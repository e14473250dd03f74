// Bundle the page into the Python package. Beside the bundle stand two hashes, which a test compares:
// of all that it is made of, and of what was made, so that neither is changed or merged alone.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

const here = import.meta.dirname;
const out = process.argv[2] ?? join(here, "..", "src", "skybind", "explore", "static");
mkdirSync(out, { recursive: true });
const made = await build({
  // without checks and their messages, as its authors build it for production
  alias: { regl: join(here, "node_modules", "regl", "dist", "regl.unchecked.js") },
  metafile: true,
  absWorkingDir: here,
  entryPoints: { app: join(here, "src", "main.ts"), still: join(here, "src", "still.ts") },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  outdir: out,
  legalComments: "none",
  logLevel: "warning",
});

// the licences of all that is in the bundle
const packages = new Set(Object.keys(made.metafile.inputs).flatMap((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []));
const licences = [...packages].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const text = readdirSync(folder).filter((file) => /^licen[cs]e/i.test(file)).map((file) => readFileSync(join(folder, file), "utf8").trim());
  return `${name} ${version} (${license})\n\n${text.join("\n\n")}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), licences.join("\n----\n\n"));
const styles = [join(here, "node_modules", "uplot", "dist", "uPlot.min.css"), join(here, "src", "app.css")];
writeFileSync(join(out, "app.css"), styles.map((path) => readFileSync(path, "utf8")).join("\n"));
copyFileSync(join(here, "src", "index.html"), join(out, "index.html"));

function files(folder) {
  return readdirSync(folder)
    .flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? files(path) : [path];
    })
    .sort();
}
function digest(paths, folder) {
  const hash = createHash("sha256");
  for (const path of paths) {
    hash.update(`${relative(folder, path).replaceAll("\\", "/")}\0`);
    hash.update(readFileSync(path));
    hash.update("\0");
  }
  return hash.digest("hex");
}
const stated = join(out, "sources.sha256");
const sources = [...files(join(here, "src")), join(here, "build.mjs"), join(here, "package.json"), join(here, "package-lock.json")];
const bundle = files(out).filter((path) => path !== stated);
writeFileSync(stated, `${digest(sources, here)}  sources\n${digest(bundle, out)}  bundle\n`);
