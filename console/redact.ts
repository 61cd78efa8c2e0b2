/** What an actor keeps, as an operator may see it. */

/** Nobody reads these from here: they open doors. */
const secrets: ReadonlySet<string> = new Set([
  'password',
  'salt',
  'hash',
  'secret',
  'token',
  'session',
  'refreshHash',
  'auth',
  'p256dh',
  'link',
]);

/** Tables of which even the keys, or values that have no name, are secrets. */
const secretTables: ReadonlySet<string> = new Set(['link', 'hook', 'push']);

/** As JSON. `mayRead`: with its text, which may be what people wrote. Never with secrets. */
export function shown(value: unknown, mayRead: boolean, table = ''): string {
  return JSON.stringify(seen(value, mayRead && !secretTables.has(table))) ?? 'null';
}

function seen(value: unknown, mayRead: boolean): unknown {
  if (typeof value === 'string') return mayRead ? value : `<${value.length} characters>`;
  if (value instanceof Uint8Array)
    return mayRead ? { base64: Buffer.from(value).toString('base64') } : `<${value.byteLength} bytes>`;
  if (Array.isArray(value)) return value.map((item) => seen(item, mayRead));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value);
  return Object.fromEntries(fields.map(([name, item]) => [name, seen(item, mayRead && !secrets.has(name))]));
}

/** A text alone. */
export function shownText(text: string, mayRead: boolean): string {
  return mayRead ? text : `<${text.length} characters>`;
}

export function shownKey(table: string, key: string): string {
  return table === 'link' ? `<${key.length} characters>` : key;
}
