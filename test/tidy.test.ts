import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import * as tidy from './tidy/rules.ts';

const sources = tidy.sourcesOf('.');

for (const [name, breachesOf] of Object.entries(tidy.RULES)) {
  t.test(name, async (t) => t.strictSame(sources.flatMap(breachesOf), []));
}

t.test('the files that docs/MESSAGE.md names exist', async (t) => {
  t.ok(existsSync('docs/MESSAGE.md'), 'the page is there');
  const page = existsSync('docs/MESSAGE.md') ? readFileSync('docs/MESSAGE.md', 'utf8') : '';
  t.strictSame(tidy.pageBreaches(page, existsSync), []);
});

// ---- the rules themselves, on small strings ----

t.test('the walk finds this test and its rules, and nothing compiled or installed', async (t) => {
  const paths = sources.map((source) => source.path);
  t.ok(paths.includes('test/tidy.test.ts') && paths.includes('test/tidy/rules.ts'));
  t.notOk(paths.some((path) => /(^|\/)(dist|node_modules|\.[^/]*)\//.test(path)));
});

/** Each sample is a path, the text of a file there, and how many breaches the rule must find in it. */
type Sample = readonly [path: string, text: string, breaches: number];

function tryOut(title: string, breachesOf: (source: tidy.Source) => string[], samples: readonly Sample[]): void {
  t.test(title, async (t) => {
    for (const [path, text, breaches] of samples) {
      const found = breachesOf(tidy.source(path, text));
      t.equal(found.length, breaches, `${path}: ${text.slice(0, 60)}`, { found });
    }
  });
}

tryOut('the import table, tried out', tidy.importBreaches, [
  ['runtime/turn.ts', "import { a } from './ports.ts';", 0],
  ['runtime/turn.ts', "import { a } from './io/nats.ts';", 1],
  ['runtime/turn.ts', "import { a } from '../proto/mail.ts';", 1],
  ['runtime/turn.ts', "import type { A } from '../proto/mail.ts';", 1],
  ['runtime/turn.ts', "import { readFileSync } from 'node:fs';", 1],
  ['runtime/turn.ts', "import { type Stats } from 'node:fs';", 1],
  ['runtime/turn.ts', "import type { Stats } from 'node:fs';", 0],
  ['runtime/turn.ts', "import fs from 'fs';", 1],
  ['runtime/turn.ts', "export * from '../actors/user.ts';", 1],
  ['runtime/turn.ts', "const a = await import('nats');", 1],
  ['runtime/turn.ts', 'const a = await import(name);', 1],
  ['runtime/turn.ts', "type A = import('nats').Msg;", 1],
  ['runtime/turn.ts', "import { a } from '../../elsewhere/a.ts';", 1],
  ['runtime/io/journal.ts', "import { a } from '../turn.ts'; import { b } from 'nats'; import 'node:fs';", 0],
  ['runtime/io/journal.ts', "import { a } from '../../actors/user.ts'; import { b } from 'ws';", 2],
  ['proto/mail.ts', "import { pack } from 'msgpackr'; import { a } from './words.ts';", 0],
  ['proto/mail.ts', "import { a } from '../runtime/index.ts'; import 'node:buffer'; import 'ws';", 3],
  ['actors/user.ts', "import { a } from '../runtime/index.ts'; import { b } from '../proto/mail.ts';", 0],
  ['actors/user.ts', "import { a } from '../runtime/turn.ts'; import { pack } from 'msgpackr';", 2],
  ['gateway/socket.ts', "import ws from 'ws'; import 'node:http'; import { a } from '../runtime/index.ts';", 0],
  ['gateway/socket.ts', "import { a } from '../actors/user.ts'; import 'nats';", 2],
  ['console/admin.ts', "import { Server } from '@grpc/grpc-js'; import { a } from '../proto/admin.ts';", 0],
  ['console/admin.ts', "import { a } from '../gateway/socket.ts';", 1],
  ['tracing/a.ts', "import { a } from '@opentelemetry/api'; import type { B } from '../gateway/index.ts';", 0],
  ['tracing/a.ts', "import { a } from '../actors/user.ts'; import 'prom-client';", 2],
  ['runtime/turn.ts', "import { trace } from '@opentelemetry/api';", 1],
  ['client/index.ts', "import { a } from '../proto/words.ts'; import ws from 'ws';", 0],
  ['client/index.ts', "import { a } from '../runtime/index.ts'; import 'node:crypto';", 2],
  ['sim/main.ts', "import { a } from '../runtime/turn.ts'; import { b } from '../client/index.ts';", 0],
  ['sim/main.ts', "import { a } from '../runtime/io/clock.ts'; import { b } from '../gateway/socket.ts';", 2],
  [
    'chaos/main.ts',
    "import { a } from '../sim/checkers.ts'; import { b } from '../runtime/io/nats.ts'; import 'nats';",
    0,
  ],
  ['chaos/main.ts', "import { a } from '../main.ts'; import { b } from '../test/a.ts';", 2],
  ['cluster.config.ts', "import type { Limits } from './runtime/limits.ts';", 0],
  ['cluster.config.ts', "import { limits } from './runtime/limits.ts'; import type { A } from './proto/a.ts';", 2],
  ['main.ts', "import { a } from './cluster.config.ts'; import { b } from './gateway/a.ts'; import 'pino';", 0],
  ['main.ts', "import { a } from './test/a.ts';", 1],
  ['bench/main.ts', "import { a } from '../main.ts'; import 'fast-check';", 0],
  ['elsewhere/a.ts', '', 1],
]);

tryOut('file sizes, tried out', tidy.fileSizeBreaches, [
  ['runtime/a.ts', 'let a;\n'.repeat(400), 0],
  ['runtime/a.ts', 'let a;\n'.repeat(401), 1],
  ['test/a.ts', 'let a;\n'.repeat(401), 1],
]);

const body = (lines: number) => `{\n${'a();\n'.repeat(lines - 2)}}`;
tryOut('function sizes, tried out', tidy.functionSizeBreaches, [
  ['runtime/a.ts', `function a() ${body(70)}`, 0],
  ['runtime/a.ts', `function a() ${body(71)}`, 1],
  ['runtime/a.ts', `const a = () => ${body(71)};`, 1],
  ['runtime/a.ts', `const a = { b() ${body(71)}, get c() ${body(71)} };`, 2],
  ['runtime/a.ts', `class A { constructor() ${body(71)} b() ${body(71)} }`, 2],
  ['runtime/a.ts', `type A = {\n${'a: 1;\n'.repeat(100)}};`, 0],
  ['runtime/a.ts', `test('b', () => ${body(71)});`, 1],
  ['test/a.ts', `test('b', () => ${body(71)}); await test('c', async () => ${body(71)});`, 0],
  ['test/a.ts', `function a() ${body(71)}`, 1],
  ['test/a.ts', `test('b', () => { test('c', () => ${body(71)}); });`, 1],
]);

tryOut('the console, tried out', tidy.consoleBreaches, [
  ['runtime/io/a.ts', "console.log('a');", 1],
  ['client/a.ts', "globalThis.console['warn']('a');", 1],
  ['gateway/a.ts', "// console.log('a')\nimport { a } from '../console/b.ts';", 0],
  ['bench/a.ts', "console.log('a');", 0],
]);

const [fix, marks] = ['FIX', 'XX'];
tryOut('marks for later, tried out', tidy.markBreaches, [
  ['runtime/a.ts', `// ${fix}ME: a`, 1],
  ['deploy/a.sh', `\n# ${marks}X a`, 1],
  ['runtime/a.ts', `const a = '${marks}XX'; // fixme`, 0],
]);

tryOut('names, tried out', tidy.nameBreaches, [
  ['runtime/partition.ts', 'class Partition {} interface Implied {} class Managed {}', 0],
  ['runtime/partition-manager.ts', '', 1],
  ['runtime/utils/a.ts', '', 1],
  ['runtime/journalHelper.ts', '', 1],
  ['runtime/a.ts', 'class JournalImpl {} class UserManager {} const a = class HelperOfB {}; type StringUtils = 1;', 4],
]);

tryOut('chance, tried out', tidy.chanceBreaches, [
  ['runtime/a.ts', 'const now = Date.now();', 1],
  ['actors/a.ts', 'const now = new Date(1);', 1],
  ['proto/a.ts', 'const { now } = Date; const a = { setTimeout };', 2],
  ['runtime/a.ts', 'performance.now(); process.hrtime.bigint(); Math.random(); crypto.randomUUID();', 4],
  ['runtime/a.ts', "globalThis.crypto.getRandomValues(a); Math['random'](); globalThis.Date.now();", 3],
  [
    'runtime/a.ts',
    'setTimeout(a, 1); setInterval(a, 1); setImmediate(a); randomUUID(); globalThis.setTimeout(a, 1);',
    5,
  ],
  [
    'runtime/a.ts',
    '// Date.now()\nconst a: Date = clock.Date; timers.setTimeout(a); Math.max(1); interface B { Date: Date }',
    0,
  ],
  ['runtime/io/clock.ts', 'Date.now(); setTimeout(a, 1); Math.random();', 0],
  ['gateway/a.ts', 'Date.now();', 0],
]);

t.test('the page of a message, tried out', async (t) => {
  const page = 'From `main.ts` to `runtime/turn.ts:40` and `runtime/io/`, by `ask`, `ok` and `a/b`.';
  t.strictSame(tidy.pathsNamed(page), ['main.ts', 'runtime/turn.ts', 'runtime/io/']);
  t.strictSame(
    tidy.pageBreaches(page, () => true),
    [],
  );
  t.strictSame(
    tidy.pageBreaches(page, (path) => path !== 'main.ts'),
    ['main.ts: no such file'],
  );
  t.strictSame(
    tidy.pageBreaches('No path.', () => true),
    ['names no path'],
  );
});
