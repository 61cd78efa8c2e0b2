/** What a user keeps in memory of those that are told of its events beyond sockets. */
import type { Subscription } from '../../proto/builder-mail.ts';
import type { DeviceId } from '../../proto/words.ts';
import type { Pushed } from './pushes.ts';
import type { HookRow } from './rows.ts';

export interface Heralds {
  /** Null: there is none; undefined: not read yet. */
  hook: HookRow | null | undefined;
  /** Somebody was told to post, and has not said what became of it. Volatile. */
  posting: boolean;
  subscriptions: Map<DeviceId, Subscription> | undefined;
  /** Volatile. */
  readonly pushed: Map<DeviceId, Pushed>;
}

export function noHeralds(spoilt: Heralds | undefined): Heralds {
  return { hook: undefined, posting: false, subscriptions: undefined, pushed: spoilt?.pushed ?? new Map() };
}
