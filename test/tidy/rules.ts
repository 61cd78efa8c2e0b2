// How this code reads, as checks. A rule takes one source and answers with its breaches, a line each, so that every
// rule can itself be tried on small strings (`test/tidy.test.ts`).
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

const file_lines_max = 400;
const function_lines_max = 70;

export interface Source {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

export function source(path: string, text: string): Source {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

const CODE = /\.[cm]?[jt]s$/;
const CODE_OR_SETTINGS = /\.([cm]?[jt]s|sh|ya?ml|proto|conf)$/;

/** Every source below `root`; `dist/`, installed packages and dot folders are not ours to judge. */
export function sourcesOf(root: string, folder = ''): Source[] {
  return readdirSync(posix.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) {
      const foreign = entry.name.startsWith('.') || entry.name === 'dist' || entry.name === 'node_modules';
      return foreign ? [] : sourcesOf(root, path);
    }
    if (!CODE_OR_SETTINGS.test(entry.name)) return [];
    return [source(path, readFileSync(posix.join(root, path), 'utf8'))];
  });
}

// ---- who may import whom: ARCHITECTURE.md section 8 ----

interface Row {
  /** A folder with its slash, or one file. */
  readonly at: string;
  /** What it may import besides itself: folders with their slash, or single files. */
  readonly inside: readonly string[];
  /** Exceptions to `inside`, and to itself. */
  readonly never?: readonly string[];
  readonly packages: readonly string[] | 'any';
  /** Node's own modules: `types` lets `import type` through. */
  readonly node: 'any' | 'types';
  readonly typesOnly?: true;
}

const BELOW_CHAOS = [
  'proto/',
  'runtime/',
  'actors/',
  'gateway/',
  'metrics/',
  'tracing/',
  'console/',
  'client/',
  'sim/',
];
const ENDS = ['bin/', 'bench/', 'test/', 'examples/', 'scripts/', 'deploy/', 'docs/'];

/** The first row whose `at` fits a path is the row of that path. */
const TABLE: readonly Row[] = [
  { at: 'proto/', inside: [], packages: ['msgpackr'], node: 'types' },
  { at: 'runtime/io/', inside: ['runtime/'], packages: ['nats', 'lmdb', 'msgpackr'], node: 'any' },
  { at: 'runtime/', inside: [], never: ['runtime/io/'], packages: [], node: 'types' },
  { at: 'actors/', inside: ['proto/', 'runtime/index.ts'], packages: ['@noble/hashes'], node: 'types' },
  {
    at: 'gateway/media/',
    inside: ['proto/', 'runtime/index.ts', 'gateway/'],
    packages: ['@tus/server', '@tus/file-store', 'sharp', 'file-type', '@aws-sdk/client-s3', '@aws-sdk/lib-storage'],
    node: 'any',
  },
  { at: 'gateway/', inside: ['proto/', 'runtime/index.ts'], packages: ['ws', 'jose', 'pino', 'web-push'], node: 'any' },
  { at: 'console/ui/', inside: ['console/'], packages: ['ink', 'react'], node: 'any' },
  {
    at: 'console/',
    inside: ['proto/', 'runtime/index.ts'],
    never: ['console/ui/'],
    packages: ['@grpc/grpc-js', '@grpc/proto-loader', '@grpc/reflection'],
    node: 'any',
  },
  {
    at: 'metrics/',
    inside: ['proto/', 'runtime/index.ts', 'gateway/index.ts'],
    packages: ['prom-client'],
    node: 'any',
  },
  {
    at: 'tracing/',
    inside: ['runtime/index.ts', 'gateway/index.ts'],
    packages: [
      '@opentelemetry/api',
      '@opentelemetry/exporter-trace-otlp-http',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace',
    ],
    node: 'any',
  },
  { at: 'client/chat/', inside: ['proto/', 'client/'], packages: ['ws', 'eventsource-parser'], node: 'any' },
  { at: 'client/node.ts', inside: ['proto/', 'client/'], packages: ['ws', 'eventsource-parser'], node: 'any' },
  { at: 'client/', inside: ['proto/'], packages: ['ws', 'eventsource-parser'], node: 'types' },
  {
    at: 'sim/',
    inside: ['proto/', 'runtime/', 'actors/', 'client/'],
    never: ['runtime/io/'],
    packages: [],
    node: 'any',
  },
  { at: 'chaos/', inside: [...BELOW_CHAOS, 'cluster.config.ts', 'scripts/'], packages: 'any', node: 'any' },
  { at: 'cluster.config.ts', inside: ['runtime/'], packages: [], node: 'types', typesOnly: true },
  {
    at: 'commands/',
    inside: [...BELOW_CHAOS, 'chaos/', 'cluster.config.ts', 'scripts/'],
    packages: 'any',
    node: 'any',
  },
  { at: 'main.ts', inside: [...BELOW_CHAOS, 'commands/', 'chaos/', 'cluster.config.ts'], packages: 'any', node: 'any' },
  ...ENDS.map((at): Row => ({ at, inside: [''], packages: 'any', node: 'any' })),
];

interface Import {
  readonly specifier: string | undefined;
  readonly typeOnly: boolean;
  readonly node: ts.Node;
}

/** An element-wise `import { type A }` counts as a value import: it still loads the module when compiled. */
function importsOf(tree: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node, name: ts.Node | undefined, typeOnly: boolean) => {
    found.push({ node, typeOnly, specifier: name && ts.isStringLiteralLike(name) ? name.text : undefined });
  };
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node))
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isExternalModuleReference(node)) add(node, node.expression, false);
    else if (ts.isCallExpression(node)) {
      const { expression } = node;
      const loads = expression.kind === ts.SyntaxKind.ImportKeyword || expression.getText() === 'require';
      if (loads) add(node, node.arguments[0], false);
    }
  });
  return found;
}

export function importBreaches({ path, tree }: Source): string[] {
  if (!CODE.test(path)) return [];
  const row = TABLE.find(({ at }) => fits(path, at));
  if (!row) return [`${path}:1: has no row in the import table`];
  return importsOf(tree).flatMap((found) => {
    const why = whyNot(path, row, found);
    return why === undefined ? [] : [at(tree, found.node, `${row.at} may not import ${found.specifier ?? ''} ${why}`)];
  });
}

function whyNot(path: string, row: Row, { specifier, typeOnly }: Import): string | undefined {
  if (specifier === undefined) return row.packages === 'any' ? undefined : 'a computed name';
  if (row.typesOnly && !typeOnly) return '(types only)';
  if (specifier.startsWith('node:')) return row.node === 'any' || typeOnly ? undefined : '(no Node modules here)';
  if (!specifier.startsWith('.')) {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    return row.packages === 'any' || row.packages.includes(name) ? undefined : '(no such package here)';
  }
  const target = posix.join(posix.dirname(path), specifier);
  if (target.startsWith('..')) return '(outside the repository)';
  const open = [row.at, ...row.inside].some((allowed) => fits(target, allowed));
  const shut = (row.never ?? []).some((banned) => fits(target, banned));
  return open && !shut ? undefined : '(not in its row of the import table)';
}

/** Does `path` lie in `place`: a folder with its slash, one file, or '' for everywhere? */
function fits(path: string, place: string): boolean {
  return place === '' || place.endsWith('/') ? path.startsWith(place) : path === place;
}

// ---- sizes ----

export function fileSizeBreaches({ path, text }: Source): string[] {
  const lines = text.replace(/\n$/, '').split('\n').length;
  return CODE.test(path) && lines > file_lines_max ? [`${path}:1: ${lines} lines, at most ${file_lines_max}`] : [];
}

/** Measures bodies, brace to brace. A test's own body, handed to a call at the top of a file in `test/`, may be longer. */
export function functionSizeBreaches({ path, tree }: Source): string[] {
  const breaches: string[] = [];
  walk(tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || !node.body) return;
    const lines = lineOf(tree, node.body.getEnd()) - lineOf(tree, node.body.getStart()) + 1;
    if (lines <= function_lines_max || (path.startsWith('test/') && isTestBody(node))) return;
    breaches.push(at(tree, node, `${nameOf(node)} has ${lines} lines, at most ${function_lines_max}`));
  });
  return breaches;
}

function isTestBody(node: ts.Node): boolean {
  const call = node.parent;
  if (!ts.isCallExpression(call) || call.expression === node) return false;
  const outer = ts.isAwaitExpression(call.parent) || ts.isVoidExpression(call.parent) ? call.parent : call;
  return ts.isExpressionStatement(outer.parent) && ts.isSourceFile(outer.parent.parent);
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (ts.isConstructorDeclaration(node)) return 'the constructor';
  const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
  return named?.getText() ?? 'a nameless function';
}

// ---- words ----

const LIBRARIES = ['runtime/', 'proto/', 'actors/', 'gateway/', 'metrics/', 'console/', 'client/', 'sim/'];

export function consoleBreaches({ path, tree }: Source): string[] {
  if (!CODE.test(path) || !LIBRARIES.some((library) => fits(path, library))) return [];
  const breaches: string[] = [];
  walk(tree, (node) => {
    if (memberPath(node)?.startsWith('console.'))
      breaches.push(at(tree, node, 'console: libraries log through a port'));
  });
  return breaches;
}

const MARK = /\b(?:F[I]XME|X{3})\b/;

export function markBreaches({ path, text }: Source): string[] {
  return text.split('\n').flatMap((line, index) => {
    const mark = MARK.exec(line)?.[0];
    return mark === undefined ? [] : [`${path}:${index + 1}: ${mark}`];
  });
}

const EMPTY_WORDS = new Set(['manager', 'managers', 'helper', 'helpers', 'impl', 'util', 'utils']);

/** Files, folders and types are named for what they are. */
export function nameBreaches({ path, tree }: Source): string[] {
  const breaches = path
    .split('/')
    .flatMap((part) => (emptyWord(part) ? [`${path}:1: "${emptyWord(part)}" in a path`] : []));
  walk(tree, (node) => {
    const named = ts.isClassLike(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
    if (!named || !node.name) return;
    const word = emptyWord(node.name.text);
    if (word) breaches.push(at(tree, node, `"${word}" in ${node.name.text}`));
  });
  return breaches;
}

function emptyWord(name: string): string | undefined {
  const words = name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? [];
  return words.find((word) => EMPTY_WORDS.has(word.toLowerCase()));
}

// ---- chance ----

const SEEDED = ['runtime/', 'actors/', 'proto/'];
const AMBIENT = new Set(['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'randomUUID']);
const AMBIENT_MEMBER = /^(?:Math\.random|process\.hrtime|(?:web)?crypto\.(?:random\w*|getRandomValues))$/;

/** Clock, timers and randomness reach the runtime and the actors as ports; only `runtime/io/` touches the real ones. */
export function chanceBreaches({ path, tree }: Source): string[] {
  if (!CODE.test(path) || path.startsWith('runtime/io/') || !SEEDED.some((seeded) => fits(path, seeded))) return [];
  const breaches: string[] = [];
  walk(tree, (node) => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return 'skip';
    const word = ts.isIdentifier(node) && isValue(node) ? node.text : memberPath(node);
    if (word !== undefined && (AMBIENT.has(word) || AMBIENT_MEMBER.test(word))) {
      breaches.push(at(tree, node, `${word}: chance comes in through runtime/ports.ts`));
    }
    return undefined;
  });
  return breaches;
}

/** A use of a variable, as against the name of a member, a declaration or an import. */
function isValue(node: ts.Identifier): boolean {
  const parent = node.parent as ts.Node & { name?: ts.Node; propertyName?: ts.Node };
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  return parent.name !== node && parent.propertyName !== node;
}

/** `a.b` of `a.b`, `a?.b`, `a['b']` and `globalThis.a.b`. */
function memberPath(node: ts.Node): string | undefined {
  const member = ts.isPropertyAccessExpression(node)
    ? node.name
    : ts.isElementAccessExpression(node)
      ? node.argumentExpression
      : undefined;
  if (!member || !(ts.isIdentifier(member) || ts.isStringLiteralLike(member))) return undefined;
  const { expression } = node as ts.PropertyAccessExpression | ts.ElementAccessExpression;
  return `${memberPath(expression) ?? expression.getText()}.${member.text}`.replace(/^globalThis\./, '');
}

// ---- the page of a message's route ----

const NAMED_PATH = /`([\w.-]+(?:\/[\w.-]+)*(?:\.(?:ts|js|md|json|proto|conf|ya?ml)|\/))(?:[:#][\w-]+)?`/g;

/** Paths in backticks: `runtime/turn.ts`, `runtime/turn.ts:40`, `runtime/io/`. */
export function pathsNamed(page: string): string[] {
  return [...page.matchAll(NAMED_PATH)].map((match) => match[1]!);
}

/** A page that names no file at all is a breach too: it would check nothing. */
export function pageBreaches(page: string, exists: (path: string) => boolean): string[] {
  const paths = pathsNamed(page);
  if (paths.length === 0) return ['names no path'];
  return paths.filter((path) => !exists(path)).map((path) => `${path}: no such file`);
}

// ---- the syntax tree ----

/** Depth first; a visitor that answers `skip` is not shown what lies below. */
function walk(node: ts.Node, visit: (node: ts.Node) => unknown): void {
  if (visit(node) === 'skip') return;
  ts.forEachChild(node, (child) => walk(child, visit));
}

function lineOf(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line + 1;
}

function at(tree: ts.SourceFile, node: ts.Node, what: string): string {
  return `${tree.fileName}:${lineOf(tree, node.getStart())}: ${what}`;
}

/** Every rule that judges one source by itself, by the name its test carries. */
export const RULES: Readonly<Record<string, (source: Source) => string[]>> = {
  'imports follow the table of ARCHITECTURE.md section 8': importBreaches,
  [`a file has at most ${file_lines_max} lines`]: fileSizeBreaches,
  [`a function has at most ${function_lines_max} lines`]: functionSizeBreaches,
  'libraries do not write to the console': consoleBreaches,
  'nothing is left marked for later': markBreaches,
  'names say what a thing is': nameBreaches,
  'clock, timers and randomness come in through ports': chanceBreaches,
};
