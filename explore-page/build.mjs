// Bundle the page into the Python package. Beside the bundle stands a hash of all that it is made
// of, which a test compares with the sources.
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
const hash = createHash("sha256");
const sources = [...files(join(here, "src")), join(here, "build.mjs"), join(here, "package.json"), join(here, "package-lock.json")];
for (const path of sources) {
  hash.update(`${relative(here, path).replaceAll("\\", "/")}\0`);
  hash.update(readFileSync(path));
  hash.update("\0");
}
writeFileSync(join(out, "sources.sha256"), `${hash.digest("hex")}\n`);
