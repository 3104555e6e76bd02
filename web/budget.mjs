/** Fails when the built page has grown over its budget: brotli bytes of the first page whole, and of what each later screen adds. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";

const K = 1000;
const LIMITS = { first: 25 * K, screen: 6 * K, css: 4 * K, call: 130 * K };
const dist = new URL("dist/", import.meta.url);
const manifestFile = new URL(".vite/manifest.json", dist);
if (!existsSync(manifestFile)) {
  console.error("web/dist is missing: run `npm run build` first.");
  process.exit(1);
}

const manifest = JSON.parse(readFileSync(manifestFile, "utf8"));
const size = (file) => brotliCompressSync(readFileSync(new URL(file, dist))).length;

/** A chunk and everything that it needs at once. */
function files(key, seen = new Set()) {
  const chunk = manifest[key];
  if (!seen.has(chunk.file)) {
    seen.add(chunk.file);
    for (const needed of chunk.imports ?? []) files(needed, seen);
  }
  return seen;
}
const weigh = (set) => [...set].reduce((sum, file) => sum + size(file), 0);

const entry = "index.html";
const english = "src/words/en.json";
const library = "src/call/livekit.ts";
const frame = new Set([...files(entry), ...files(english)]);
const screens = Object.keys(manifest).filter(
  (key) => key.startsWith("src/screens/") && manifest[key].isDynamicEntry,
);
const lines = [];
for (const screen of screens) {
  const whole = new Set([...frame, ...files(screen)]);
  const own = weigh([...whole].filter((file) => !frame.has(file)));
  const name = screen.replace("src/screens/", "").replace(".tsx", "");
  if (name === "home") lines.push([`first page (${name})`, weigh(whole), LIMITS.first]);
  else if (name === "visit") lines.push(["call page", own + weigh(files(library)), LIMITS.call]);
  else lines.push([name, own, LIMITS.screen]);
}
const sheets = readdirSync(new URL("assets/", dist)).filter((file) => file.endsWith(".css"));
lines.push(["css", sheets.reduce((sum, file) => sum + size(`assets/${file}`), 0), LIMITS.css]);

for (const [name, bytes, limit] of lines)
  console.log(`${bytes > limit ? "OVER " : "     "}${name.padEnd(20)} ${bytes} of ${limit} bytes`);
if (lines.some(([, bytes, limit]) => bytes > limit)) process.exit(1);
