/** The command line, in words that say what to do. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** What is wrong with a command line; its message is for whoever typed it. */
export class BadOption extends Error {}

export type OptionTable = NonNullable<ParseArgsConfig['options']>;
export type Given = { readonly [name: string]: string | boolean | readonly string[] | undefined };

/** @throws BadOption */
export function parse(args: readonly string[], options: OptionTable): Given {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values as Given;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code !== 'string' || !code.startsWith('ERR_PARSE_ARGS_')) throw error;
    // Node's own words name the option; what follows its first sentence is advice on positional arguments.
    throw new BadOption((error as Error).message.split('. ')[0] ?? '');
  }
}

export interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
}

/** @throws BadOption */
export function numberOf(given: Given, name: string, or: number, { least, most, whole = false }: Bounds): number {
  const text = given[name];
  if (text === undefined) return or;
  const value = Number(text);
  const fits =
    text !== '' && Number.isFinite(value) && value >= least && value <= most && (!whole || Number.isInteger(value));
  if (!fits)
    throw new BadOption(
      `--${name} takes a ${whole ? 'whole ' : ''}number from ${least} to ${most}, not ${JSON.stringify(text)}`,
    );
  return value;
}

/** @throws BadOption */
export function wordOf<W extends string>(given: Given, name: string, words: readonly W[]): W {
  const text = given[name];
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  const choice = words.join(' or ');
  throw new BadOption(
    text === undefined ? `--${name} is missing: ${choice}` : `--${name} takes ${choice}, not ${JSON.stringify(text)}`,
  );
}

/** Words set apart by commas; all of them where none are given. @throws BadOption */
export function wordsOf<W extends string>(given: Given, name: string, words: readonly W[]): readonly W[] {
  const text = given[name];
  if (text === undefined) return words;
  return String(text)
    .split(',')
    .map((word) => {
      const known = words.find((one) => one === word.trim());
      if (known === undefined) throw new BadOption(`--${name} takes ${words.join(', ')}, not ${JSON.stringify(word)}`);
      return known;
    });
}

export function textOf(given: Given, name: string): string | undefined {
  const text = given[name];
  return typeof text === 'string' ? text : undefined;
}

/** What was given any number of times. */
export function listOf(given: Given, name: string): readonly string[] {
  const list = given[name];
  return Array.isArray(list) ? list : [];
}
