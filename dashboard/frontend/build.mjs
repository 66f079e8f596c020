// Bundles the front end: app.js (with the map as a chunk of its own, loaded by the map only) and app.css.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static");
const common = { bundle: true, target: ["es2022"], logLevel: "warning", absWorkingDir: here };

async function tests() {
  const folder = join(here, "tests");
  const entryPoints = readdirSync(folder).filter((name) => name.endsWith(".test.ts")).map((name) => join(folder, name));
  // Node's runner skips node_modules, and nothing built belongs beside the sources.
  const outdir = mkdtempSync(join(tmpdir(), "playhead-tests-"));
  try {
    await build({ ...common, entryPoints, outdir, platform: "node", format: "esm", outExtension: { ".js": ".mjs" } });
    const ran = spawnSync(process.execPath, ["--test", ...readdirSync(outdir).map((name) => join(outdir, name))], { stdio: "inherit" });
    process.exitCode = ran.status ?? 1;
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

async function assets(watch) {
  rmSync(join(out, "chunks"), { recursive: true, force: true });
  const options = {
    ...common,
    entryPoints: { app: "src/main.ts", boot: "src/boot.ts" },
    outdir: out,
    format: "esm",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    minify: true,
    legalComments: "none",
  };
  const css = { ...common, entryPoints: { app: "styles/app.css" }, outdir: out, minify: true };
  if (!watch) return Promise.all([build(options), build(css)]);
  for (const each of [options, css]) await (await context(each)).watch();
}

if (process.argv.includes("--tests")) await tests();
else await assets(process.argv.includes("--watch"));
