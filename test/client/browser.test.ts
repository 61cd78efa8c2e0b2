import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import t from 'tap';
import ts from 'typescript';

/** Modules that `path` loads before its first statement runs: what a browser's bundle must have. */
function staticImports(path: string): string[] {
  const tree = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  return tree.statements.flatMap((statement) => {
    const loads =
      (ts.isImportDeclaration(statement) && statement.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword) ||
      (ts.isExportDeclaration(statement) && !statement.isTypeOnly);
    const from = loads ? statement.moduleSpecifier : undefined;
    return from && ts.isStringLiteral(from) ? [from.text] : [];
  });
}

function graphOf(entry: string): { readonly files: Set<string>; readonly packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string) => {
    if (files.has(path)) return;
    files.add(path);
    for (const specifier of staticImports(path)) {
      if (specifier.startsWith('.')) visit(join(dirname(path), specifier));
      else packages.add(specifier);
    }
  };
  visit(entry);
  return { files, packages };
}

t.test('the SDK loads in a browser: nothing of Node, and no ws', async (t) => {
  const { files, packages } = graphOf('client/index.ts');
  t.ok(files.has('proto/decode.ts') && files.has('client/link.ts'), 'the walk gets about');
  t.notOk(files.has('client/node.ts'));
  t.strictSame([...packages].sort(), ['eventsource-parser', 'msgpackr']);
  t.ok([...files].every((path) => /^(client|proto)\//.test(relative('.', path))));
});

t.test('msgpackr and ws have doors of their own for browsers', async (t) => {
  const require = createRequire(import.meta.url);
  for (const name of ['msgpackr', 'ws']) {
    const folder = join(require.resolve(name).split(`node_modules/${name}/`)[0]!, 'node_modules', name);
    const card = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { browser?: unknown };
    t.ok(JSON.stringify(card).includes('browser'), name);
    t.ok(existsSync(folder));
  }
});

t.test('where there is no Node, the platform’s own WebSocket is taken', async (t) => {
  class Web {}
  t.intercept(globalThis, 'WebSocket' as keyof typeof globalThis, { value: Web });
  t.intercept(globalThis, 'process' as keyof typeof globalThis, { value: undefined });
  const { platformWebSocket } = await import('../../client/socket.ts');
  t.equal(await platformWebSocket(), Web);
});
