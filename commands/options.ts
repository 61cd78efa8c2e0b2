/** Options of the commands: parsed strictly, refused in words. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** A command line that can't be carried out: its message is for the person who typed it. */
export class UsageError extends Error {
  constructor(words: string) {
    super(words);
    this.name = 'UsageError';
  }
}

export type Options = { readonly [name: string]: string | readonly string[] | boolean | undefined };

/** Strict: an unknown option or a stray word is an error, with the options that there are. */
export function parseOptions(
  args: readonly string[],
  options: NonNullable<ParseArgsConfig['options']>,
  words = 0,
): {
  readonly options: Options;
  readonly words: readonly string[];
} {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: words > 0, strict: true });
    if (parsed.positionals.length > words) throw new UsageError(`"${parsed.positionals[words]}" is one word too many.`);
    return { options: parsed.values as Options, words: parsed.positionals };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** A whole number within bounds, or the fallback where the option is absent. */
export function wholeNumber(options: Options, name: string, fallback: number, min: number, max: number): number {
  const text = options[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (typeof text === 'string' && /^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not "${String(text)}".`);
}

export function textOf(options: Options, name: string, fallback: string): string {
  const text = options[name];
  return typeof text === 'string' ? text : fallback;
}

/** Of what the server calls out there: webhooks and push services. */
export const outwardOptions = {
  'private-targets': { type: 'boolean' },
  'push-contact': { type: 'string' },
} as const;

export const outwardHelp = `  --private-targets      webhooks and push services may be in private networks and on this machine, and without TLS
  --push-contact ADDRESS whom push services may write to about this server: mailto:… or https://…
`;

export function outwardOf(options: Options): { readonly privateTargets: boolean; readonly pushContact: string } {
  const pushContact = textOf(options, 'push-contact', '');
  if (pushContact !== '' && !/^(mailto:.+@.+|https:\/\/.+)$/.test(pushContact)) {
    throw new UsageError(`--push-contact takes mailto:… or https://…, not "${pushContact}".`);
  }
  return { privateTargets: options['private-targets'] === true, pushContact };
}
