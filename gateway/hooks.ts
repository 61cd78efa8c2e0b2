import { createHmac, randomBytes } from 'node:crypto';
import type { HookBatch } from '../proto/builder-mail.ts';
import { type EventKind, isEventKind } from '../proto/event-kinds.ts';
import type { Door, Fill, Log, Probe } from '../runtime/index.ts';
import type { Callers } from './callers.ts';
import { HttpRefusal } from './errors.ts';
import { fillOf } from './figures.ts';
import type { Answer, Call, Route } from './http.ts';
import type { GatewayLimits } from './limits.ts';
import type { Outward } from './outward.ts';

export interface HooksOptions {
  readonly door: Door;
  readonly callers: Callers;
  readonly limits: GatewayLimits;
  readonly outward: Outward;
  readonly log: Log;
  readonly probe: Probe | undefined;
}

/**
 * Webhooks (`HOK` in docs/SPEC.md): an account's events, posted to an address in their order, signed as Standard Webhooks has it. User actors of
 * this node signal that there is something to post; each account's batches go one after another, and what became of each is said to its
 * actor, which keeps the place.
 */
export class Hooks {
  readonly #options: HooksOptions;
  /** Accounts that are being served; true: signalled again meanwhile. */
  readonly #running = new Map<string, boolean>();
  /** Accounts that wait for their turn. */
  readonly #waiting = new Set<string>();
  readonly #stop: () => void;
  #closed = false;

  constructor(options: HooksOptions) {
    this.#options = options;
    this.#stop = options.door.onSignal('hook', (from) => this.#signalled(from.slice(from.indexOf('/') + 1)));
  }

  get routes(): readonly Route[] {
    return [
      { method: 'GET', path: '/v1/webhook', run: (call) => this.#tell(call) },
      { method: 'POST', path: '/v1/webhook', run: (call) => this.#set(call) },
      { method: 'DELETE', path: '/v1/webhook', run: (call) => this.#remove(call) },
    ];
  }

  get fills(): readonly Fill[] {
    const fill = fillOf(this.#options.limits);
    return [fill('hooks_running_max', this.#running.size), fill('hooks_waiting_max', this.#waiting.size)];
  }

  /** What is on its way may still arrive; its account's actor will have it posted again. */
  close(): void {
    this.#closed = true;
    this.#stop();
    this.#waiting.clear();
  }

  // ---------------------------------------------------------------- over HTTP

  async #tell(call: Call): Promise<Answer | HttpRefusal> {
    const reply = await this.#options.callers.askOwn(call, () => ({ kind: 'hook' }));
    return reply instanceof HttpRefusal ? reply : { status: 200, body: { webhook: reply.hook } };
  }

  async #set(call: Call): Promise<Answer | HttpRefusal> {
    const body = await call.json();
    if (body instanceof HttpRefusal) return body;
    const { url, kinds } = body;
    if (typeof url !== 'string' || !this.#options.outward.allows(url)) return new HttpRefusal('bad_url');
    if (kinds !== undefined && !areKinds(kinds)) return new HttpRefusal('malformed');
    const secret = randomBytes(32).toString('base64');
    const hook = { url, ...(kinds && { kinds }), secret };
    const reply = await this.#options.callers.askOwn(call, () => ({ kind: 'setHook', hook }));
    return reply instanceof HttpRefusal ? reply : { status: 201, body: { url, secret: `whsec_${secret}` } };
  }

  async #remove(call: Call): Promise<Answer | HttpRefusal> {
    const reply = await this.#options.callers.askOwn(call, () => ({ kind: 'setHook', hook: null }));
    return reply instanceof HttpRefusal ? reply : { status: 200, body: {} };
  }

  // ---------------------------------------------------------------- posting

  #signalled(user: string): void {
    if (this.#closed) return;
    const { hooks_running_max, hooks_waiting_max } = this.#options.limits;
    if (this.#running.has(user)) this.#running.set(user, true);
    else if (this.#running.size < hooks_running_max) void this.#serve(user);
    // Whoever finds no place here is signalled again by its timer.
    else if (this.#waiting.size < hooks_waiting_max) this.#waiting.add(user);
    else this.#options.probe?.count('bounds_reached', 'gateway.hooks_waiting_max', 1);
  }

  async #serve(user: string): Promise<void> {
    this.#running.set(user, false);
    try {
      while (await this.#postOne(user));
    } catch (error) {
      this.#options.log.error({ error }, 'posting to a webhook failed');
    }
    const again = this.#running.get(user) === true;
    this.#running.delete(user);
    if (again) this.#signalled(user);
    const [next] = this.#waiting;
    if (next !== undefined && this.#waiting.delete(next)) this.#signalled(next);
  }

  /** One batch. Answers whether there is more; of what can't be said to its actor, that will have it posted again. */
  async #postOne(user: string): Promise<boolean> {
    const { callers, outward } = this.#options;
    const batch = this.#closed ? null : await callers.ask(user, { kind: 'hookBatch' });
    if (batch === null || batch instanceof HttpRefusal) return false;
    if (batch.events.length > 0) {
      const why = await outward
        .post(batch.url, ...signed(user, batch))
        .then(({ status }) => (status >= 200 && status < 300 ? '' : `status ${status}`), wordsOf);
      this.#options.probe?.count('webhooks', why === '' ? 'sent' : 'failed', 1);
      if (why !== '') {
        await callers.ask(user, { kind: 'hookFailed', why });
        return false;
      }
    }
    return (await callers.ask(user, { kind: 'hookTook', upTo: batch.upTo })) === true;
  }
}

/** Headers and body (https://www.standardwebhooks.com): the id is the same whenever the same batch is posted. */
function signed(user: string, { secret, epoch, from, upTo, events }: HookBatch): [Record<string, string>, string] {
  const body = JSON.stringify({ user, epoch, from, upTo, events: events.map(({ n, event }) => ({ n, ...event })) });
  const id = `${epoch}.${from}`;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', Buffer.from(secret, 'base64'))
    .update(`${id}.${timestamp}.${body}`)
    .digest('base64');
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'ringpost-webhook/1',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
  return [headers, body];
}

function areKinds(value: unknown): value is readonly EventKind[] {
  return Array.isArray(value) && value.length > 0 && value.every(isEventKind);
}

function wordsOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return String(code ?? message).slice(0, 128);
}
