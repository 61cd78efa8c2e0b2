/** Options of the commands: parsed strictly, refused in words. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { defaultMessengerLimits, type MessengerLimits } from '../actors/index.ts';
import { clusterConfig } from '../cluster.config.ts';
import { defaultGatewayLimits, type GatewayLimits } from '../gateway/index.ts';
import { defaultLimits, type Limits } from '../runtime/index.ts';

/** A command line that can't be carried out: its message is for the person who typed it. */
export class UsageError extends Error {
  constructor(words: string) {
    super(words);
    this.name = 'UsageError';
  }
}

export interface AllLimits {
  readonly runtime: Limits;
  readonly gateway: GatewayLimits;
  readonly messenger: MessengerLimits;
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

/** All limits: defaults, then `cluster.config.ts`, then `--set part.bound=number`. */
export function limitsOf(options: Options): AllLimits {
  const limits: { [part: string]: { [bound: string]: number } } = {
    runtime: { ...defaultLimits },
    gateway: { ...defaultGatewayLimits },
    messenger: { ...defaultMessengerLimits },
  };
  for (const [part, bounds] of Object.entries(clusterConfig.limits)) {
    for (const [bound, value] of Object.entries(bounds)) setLimit(limits, part, bound, value);
  }
  for (const setting of (options.set as readonly string[] | undefined) ?? []) {
    const [, part, bound, value] = /^([a-z]+)\.([a-z0-9_]+)=(\d+)$/.exec(setting) ?? [];
    if (part === undefined || bound === undefined) {
      throw new UsageError(`--set takes part.bound=number, such as runtime.heartbeat_ms=250, not "${setting}".`);
    }
    setLimit(limits, part, bound, Number(value));
  }
  return limits as unknown as AllLimits;
}

function setLimit(
  limits: { [part: string]: { [bound: string]: number } },
  part: string,
  bound: string,
  value: number,
): void {
  const bounds = limits[part];
  if (bounds === undefined)
    throw new UsageError(`There are limits of ${Object.keys(limits).join(', ')}, not of "${part}".`);
  if (!Object.hasOwn(bounds, bound)) {
    throw new UsageError(`${part} has no limit "${bound}". It has: ${Object.keys(bounds).join(', ')}.`);
  }
  bounds[bound] = value;
}
