/** What every load generator of the messenger needs: users of the SDK, the messages they send, and what goes wrong meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RingpostClient, RingpostError } from '../client/index.ts';

const register_tries_max = 20;
const at_once = 16;
const body_bytes = 100;
const body = 'x'.repeat(body_bytes);
const id_prefix = 'm';

/** What the clients of a run were told that they did not ask for. */
export class Mishaps {
  /** Refusals by code; those that the SDK answers by sending again among them. */
  readonly refused: { [code: string]: number } = {};
  readonly troubles: { [code: string]: number } = {};
  reconnects = 0;

  refuse(code: string): void {
    this.refused[code] = (this.refused[code] ?? 0) + 1;
  }

  watch(client: RingpostClient): void {
    client.on('trouble', ({ error }) => {
      this.troubles[error.code] = (this.troubles[error.code] ?? 0) + 1;
    });
    client.on('state', ({ state }) => {
      if (state === 'waiting') this.reconnects++;
    });
  }

  /** Sends a message whose id holds its number. False: it has not been taken. */
  send(client: RingpostClient, to: string, number: number): boolean {
    try {
      client.send(to, body, { id: `${id_prefix}${number}` });
      return true;
    } catch (error) {
      // An open loop goes on when the SDK's own outbox is full; the figures say so.
      if (!(error instanceof RingpostError)) throw error;
      this.refuse(error.code);
      return false;
    }
  }
}

export function numberIn(id: string): number {
  return Number(id.slice(id_prefix.length));
}

export async function newUser(user: string, url: string): Promise<RingpostClient> {
  for (let tries = 1; ; tries++) {
    try {
      return await RingpostClient.register({ url, user, password: 'correct horse', device: 'bench', name: 'bench' });
    } catch (error) {
      if (!(error instanceof RingpostError) || !error.retry || tries === register_tries_max) throw error;
      await sleep(error.afterMs ?? 100);
    }
  }
}

/** A few of them at a time. */
export async function eachOf<T>(list: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const rest = [...list];
  const worker = async (): Promise<void> => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: at_once }, worker));
}
