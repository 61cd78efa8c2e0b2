/** How an edge is at this moment, for operators. */
import type { Fill } from '../runtime/index.ts';
import type { GatewayLimits } from './limits.ts';
import type { Traffic } from './surroundings.ts';
import type { Transport } from './wire.ts';

/** Of the sockets. */
export interface EdgeFigures {
  readonly sockets: { readonly [transport in Transport]: number };
  readonly traffic: Readonly<Traffic>;
  readonly fills: readonly Fill[];
  /** Of files, not taken yet. */
  readonly uploads: number;
  /** New sockets and logins are refused. */
  readonly overloaded: boolean;
}

export function fillOf(limits: GatewayLimits): (bound: keyof GatewayLimits, used: number) => Fill {
  return (bound, used) => ({ bound: `gateway.${bound}`, used, limit: limits[bound] });
}
