// Bundle the chart library into the plugin's static files: node build.mjs
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "airflow_provider_hypercarbon", "plugin", "page", "static", "vendor");
const licences = ["echarts/LICENSE", "echarts/NOTICE", "zrender/LICENSE", "tslib/LICENSE.txt"];

await mkdir(target, { recursive: true });
await build({
  entryPoints: [join(here, "chart-library.js")],
  outfile: join(target, "chart-library.js"),
  bundle: true,
  format: "esm",
  minify: true,
  legalComments: "none",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"' },
});
const parts = await Promise.all(
  licences.map(async (name) => `== ${name} ==\n\n${await readFile(join(here, "node_modules", name), "utf8")}`),
);
await writeFile(join(target, "LICENSES.txt"), parts.join("\n\n"));
const bundle = await readFile(join(target, "chart-library.js"));
console.log(`chart-library.js: ${(gzipSync(bundle, { level: 9 }).length / 1000).toFixed(1)} kB gzipped`);
