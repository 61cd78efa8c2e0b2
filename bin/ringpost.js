#!/usr/bin/env node
// Finds what `npm run build` made. Plain JavaScript, so that it can say what is missing when nothing is built yet.
import { existsSync } from 'node:fs';

const oldest = 20;
const main = new URL('../dist/main.js', import.meta.url);

function fail(words) {
  process.stderr.write(`${words}\n`);
  process.exitCode = 1;
}

if (Number.parseInt(process.versions.node, 10) < oldest) {
  fail(`Ringpost needs Node ${oldest} or later; this is ${process.versions.node}.`);
} else if (!existsSync(new URL('../node_modules', import.meta.url)) && !existsSync(main)) {
  fail('Ringpost is not installed yet. In its folder, type: npm ci');
} else if (!existsSync(main)) {
  fail('Ringpost is not built yet. In its folder, type: npm run build');
} else {
  process.setSourceMapsEnabled(true);
  // `ringpost … | head`: whoever reads has had enough.
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  const { run } = await import(main.href);
  process.exitCode = await run(process.argv.slice(2));
}
