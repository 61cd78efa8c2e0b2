/** An account's data as a stream of lines, page by page out of its actor: none of it is held here beyond the page that is being sent. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { AccountRefusal, ExportPage } from '../proto/mail.ts';
import { accountErrors, type Callers } from './callers.ts';
import { HttpRefusal } from './errors.ts';
import type { Answer, Call, Route } from './http.ts';
import type { GatewayLimits } from './limits.ts';

type AskForPage = (
  cursor: string,
) => Promise<ExportPage | { readonly ok: false; readonly code: AccountRefusal } | HttpRefusal>;

export class Exports {
  readonly #callers: Callers;
  readonly #limits: GatewayLimits;
  /** Under way. */
  #count = 0;

  constructor(callers: Callers, limits: GatewayLimits) {
    this.#callers = callers;
    this.#limits = limits;
  }

  get routes(): readonly Route[] {
    return [{ method: 'GET', path: '/v1/account/export', run: (call) => this.#export(call) }];
  }

  async #export(call: Call): Promise<Answer | HttpRefusal> {
    const found = await this.#callers.authorised(call);
    if (found instanceof HttpRefusal) return found;
    if (this.#count >= this.#limits.exports_max) return new HttpRefusal('overloaded', 1_000);
    const { user } = found.claims;
    const ticket = randomBytes(9).toString('base64url');
    const ask = (cursor: string) => this.#callers.ask(user, { kind: 'export', ticket, cursor });
    this.#count += 1;
    const first = await ask('');
    if (first instanceof HttpRefusal || !first.ok) {
      this.#count -= 1;
      if (first instanceof HttpRefusal) return first;
      return new HttpRefusal(accountErrors[first.code], first.code === 'exporting' ? 1_000 : undefined);
    }
    const write = async (response: ServerResponse): Promise<void> => {
      const outcome = await writeAll(response, linesFrom(first, ask, this.#limits), this.#limits);
      this.#count -= 1;
      // So that its client need not wait until it has lapsed.
      if (outcome === 'broken') await ask('over');
    };
    return {
      status: 200,
      type: 'application/x-ndjson; charset=utf-8',
      stream: (response) => void write(response).catch(() => response.destroy()),
    };
  }
}

/** From the first page on, which is there. Throws when the account can't be read on: what was sent is not whole then. */
async function* linesFrom(first: ExportPage, ask: AskForPage, limits: GatewayLimits): AsyncGenerator<string> {
  for (let page = first; ; page = await pageAt(page.next, ask, limits)) {
    if (page.lines.length > 0) yield `${page.lines.join('\n')}\n`;
    if (page.next === '') return;
  }
}

/** Reading changes nothing, so it may be tried again whatever came of the try before. */
async function pageAt(cursor: string, ask: AskForPage, limits: GatewayLimits): Promise<ExportPage> {
  for (let tries = 1; ; tries++) {
    const page = await ask(cursor);
    if (!(page instanceof HttpRefusal)) {
      if (page.ok) return page;
      throw new Error(`the export can't go on: ${page.code}`);
    }
    if (tries >= limits.export_tries_max) throw new Error(`the export can't go on: ${page.code}`);
    await pause(page.afterMs ?? 0);
  }
}

/** Writes as fast as the client reads. A stream that breaks off is cut, so that no client takes it for whole. Resolves when it is over; never rejects. */
async function writeAll(
  response: ServerResponse,
  texts: AsyncIterable<string>,
  { export_stall_ms_max }: GatewayLimits,
): Promise<'whole' | 'broken'> {
  try {
    for await (const text of texts) {
      if (response.destroyed) return 'broken';
      if (response.write(text)) continue;
      const signal = AbortSignal.timeout(export_stall_ms_max);
      const closed = once(response, 'close', { signal });
      const drained = once(response, 'drain', { signal });
      // Whichever comes second is nobody's affair any more.
      closed.catch(() => {});
      drained.catch(() => {});
      await Promise.race([drained, closed]);
    }
    response.end();
    return 'whole';
  } catch {
    response.destroy();
    return 'broken';
  }
}
