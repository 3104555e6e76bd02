/** How the page is built: no framework plugin, the call's library in a chunk of its own, nothing inlined (the CSP forbids it). */
import { defineConfig } from "vitest/config";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  json: { stringify: true },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    // LiveKit is 570 kB before compression; budget.mjs watches what is really sent.
    chunkSizeWarningLimit: 600,
    manifest: true,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "happy-dom",
    environmentOptions: { happyDOM: { url: "http://ke.localhost/" } },
    setupFiles: ["tests/setup.ts"],
    include: ["tests/**/*.test.{ts,tsx}"],
  },
});
