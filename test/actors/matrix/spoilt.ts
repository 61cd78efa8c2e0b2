/** The same word with one thing in it that is not as it should be. */
import type { ClientWord } from '../../../proto/words.ts';

export interface Spoilt {
  /** `deed.title` */
  readonly path: string;
  /** What stands there, as JSON. */
  readonly bad: string;
  readonly word: unknown;
}

const tooLong = 'x'.repeat(40_000);

/** Fields that may be left out, so that null is as good as nothing. */
const optional = new Set(['client', 'with of search', 'deed.message', 'deed.seen', 'deed.receipts', 'deed.invites']);

/** Every leaf of the word in turn is of each wrong type, and too long where it is text. */
export function spoilt(word: ClientWord): Spoilt[] {
  return leaves(word, []).flatMap(({ path, value }) => {
    const name = path.join('.');
    const bad = badFor(value).filter((one) => one !== null || !isOptional(word, name));
    return bad.map((one) => ({ path: name, bad: JSON.stringify(one), word: withAt(word, path, one) }));
  });
}

function isOptional({ kind }: ClientWord, name: string): boolean {
  return optional.has(name) || optional.has(`${name} of ${kind}`);
}

function badFor(value: unknown): unknown[] {
  const others = [null, {}, [[]]];
  switch (typeof value) {
    case 'string':
      return [...others, 7, true, tooLong, '\ud800'];
    case 'number':
      return [...others, 'x', -1, 1.5, true];
    case 'boolean':
      return [...others, 'true', 1];
    default:
      return [null, 'x', 7, true];
  }
}

interface Leaf {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Objects and lists count, too, besides what is in them. */
function leaves(value: unknown, path: readonly string[]): Leaf[] {
  const inside =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, part]) => leaves(part, [...path, name]))
      : [];
  return path.length === 0 ? inside : [{ path, value }, ...inside];
}

function withAt(value: unknown, [name, ...rest]: readonly string[], bad: unknown): unknown {
  if (name === undefined) return bad;
  const copy: { [name: string]: unknown } | unknown[] = Array.isArray(value) ? [...value] : { ...(value as object) };
  (copy as { [name: string]: unknown })[name] = withAt((value as { [name: string]: unknown })[name], rest, bad);
  return copy;
}
