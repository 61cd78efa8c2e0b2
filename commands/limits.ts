/** `--set`: the named bounds of a server, changed by whoever starts it. */
import { defaultMessengerLimits, type MessengerLimits } from '../actors/index.ts';
import { clusterConfig } from '../cluster.config.ts';
import { defaultGatewayLimits, type GatewayLimits } from '../gateway/index.ts';
import { defaultLimits, type Limits } from '../runtime/index.ts';
import { type Options, UsageError } from './options.ts';

export interface AllLimits {
  readonly runtime: Limits;
  readonly gateway: GatewayLimits;
  readonly messenger: MessengerLimits;
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
