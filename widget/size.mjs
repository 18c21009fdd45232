/** Fails when a built script is larger (gzip) than promised to the pages that carry it. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.SANGDAM_STATIC ?? join(here, "../src/sangdam/web/static");
const limits = { "widget.js": 12 * 1024, "chat.js": 15 * 1024, "chat.css": 8 * 1024 };

let over = false;
for (const [name, limit] of Object.entries(limits)) {
  const size = gzipSync(await readFile(join(out, name)), { level: 9 }).length;
  over ||= size >= limit;
  console.log(
    `${name.padEnd(10)} ${String(size).padStart(6)} of ${limit} bytes gzip${size >= limit ? "  TOO LARGE" : ""}`,
  );
}
process.exit(over ? 1 : 0);
