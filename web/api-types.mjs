/** Writes the types of the API as the node's own routes describe it, for tests/api.types.ts to hold the page's against. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const DESCRIBE = `
from telemed.api.map import ROUTES
from telemed.api.openapi import document
print(document(ROUTES, "http://node.localhost").model_dump_json())
`;
const root = new URL("../", import.meta.url);
const python = process.env.PYTHON ?? new URL(".venv/bin/python", root).pathname;
const described = execFileSync(python, ["-c", DESCRIBE], { cwd: root, encoding: "utf8" });
const out = new URL("node_modules/.api/", import.meta.url);
mkdirSync(out, { recursive: true });
writeFileSync(
  new URL("openapi.d.ts", out),
  astToString(await openapiTS(described, { defaultNonNullable: false })),
);
