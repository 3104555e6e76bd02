/** Writes each built file's brotli and gzip beside it: the node sends the smallest that a browser takes, and compresses nothing. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const assets = new URL("dist/assets/", import.meta.url);
for (const file of readdirSync(assets).filter((name) => /\.(js|css|svg)$/.test(name))) {
  const bytes = readFileSync(new URL(file, assets));
  writeFileSync(new URL(`${file}.br`, assets), brotliCompressSync(bytes));
  writeFileSync(new URL(`${file}.gz`, assets), gzipSync(bytes, { level: 9 }));
}
