import { createECDH, hkdfSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import webPush from 'web-push';
import type { PushOrder, Subscription } from '../proto/builder-mail.ts';
import type { Door, Fill, Log, Probe } from '../runtime/index.ts';
import type { Callers } from './callers.ts';
import { HttpRefusal } from './errors.ts';
import { fillOf } from './figures.ts';
import type { Answer, Call, Json, Route } from './http.ts';
import type { GatewayLimits } from './limits.ts';
import type { Outward } from './outward.ts';

/** What became of a push: `gone` when there is nobody any more to push to; otherwise it may be tried again after so long. */
export type Pushed = 'sent' | 'gone' | { readonly retryMs: number };

/** A push service. */
export interface Pusher {
  /** Rejects when there is no answer. */
  push(subscription: Subscription, text: string): Promise<Pushed>;
}

export interface PushesOptions {
  readonly door: Door;
  readonly callers: Callers;
  readonly limits: GatewayLimits;
  readonly outward: Outward;
  readonly pusher: Pusher;
  /** What a page needs to subscribe: base64url. */
  readonly publicKey: string;
  readonly log: Log;
  readonly probe: Probe | undefined;
}

/**
 * Pushes to devices that have no socket (`PSH` in docs/SPEC.md), as user actors of this node signal them. Hints, and no more: they wait in memory,
 * are tried a few times, and go with the process; then the user's next owner signals again.
 */
export class Pushes {
  readonly #options: PushesOptions;
  readonly #stop: () => void;
  #waiting: { readonly user: string; readonly order: PushOrder }[] = [];
  #running = 0;
  #dropped = 0;

  constructor(options: PushesOptions) {
    this.#options = options;
    this.#stop = options.door.onSignal('push', (from, order) =>
      this.#signalled(from.slice(from.indexOf('/') + 1), order as PushOrder),
    );
  }

  get routes(): readonly Route[] {
    return [
      { method: 'GET', path: '/v1/push', run: async () => ({ status: 200, body: { key: this.#options.publicKey } }) },
      { method: 'POST', path: '/v1/push', run: (call) => this.#subscribe(call) },
      { method: 'DELETE', path: '/v1/push', run: (call) => this.#unsubscribe(call) },
    ];
  }

  get fills(): readonly Fill[] {
    const fill = fillOf(this.#options.limits);
    return [fill('pushes_running_max', this.#running), fill('pushes_waiting_max', this.#waiting.length)];
  }

  close(): void {
    this.#stop();
    this.#waiting = [];
  }

  async #subscribe(call: Call): Promise<Answer | HttpRefusal> {
    const body = await call.json();
    if (body instanceof HttpRefusal) return body;
    const subscription = subscriptionOf(body);
    if (subscription === undefined || !this.#options.outward.allows(subscription.endpoint)) {
      return new HttpRefusal('bad_subscription');
    }
    return this.#save(call, subscription, 201);
  }

  #unsubscribe(call: Call): Promise<Answer | HttpRefusal> {
    return this.#save(call, null, 200);
  }

  async #save(call: Call, subscription: Subscription | null, status: number): Promise<Answer | HttpRefusal> {
    const reply = await this.#options.callers.askOwn(call, ({ device }) => ({
      kind: 'subscribe',
      device,
      subscription,
    }));
    return reply instanceof HttpRefusal ? reply : { status, body: {} };
  }

  // ---------------------------------------------------------------- pushing

  #signalled(user: string, order: PushOrder): void {
    const { pushes_running_max, pushes_waiting_max } = this.#options.limits;
    if (this.#waiting.length >= pushes_waiting_max) {
      this.#options.probe?.count('bounds_reached', 'gateway.pushes_waiting_max', 1);
      this.#options.probe?.count('pushes', 'dropped', 1);
      // One line each time that it begins to happen.
      if (this.#dropped++ === 0) this.#options.log.warn({ waiting: this.#waiting.length }, 'pushes are dropped');
      return;
    }
    this.#dropped = 0;
    this.#waiting.push({ user, order });
    if (this.#running < pushes_running_max) void this.#work();
  }

  async #work(): Promise<void> {
    this.#running++;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        const became = await this.#push(next.user, next.order);
        this.#options.probe?.count('pushes', became, 1);
      } catch (error) {
        this.#options.log.error({ error }, 'a push failed');
      }
    }
    this.#running--;
  }

  async #push(user: string, { device, subscription, news }: PushOrder): Promise<'sent' | 'gone' | 'failed'> {
    const { limits, pusher, callers } = this.#options;
    for (let tried = 1; tried <= limits.push_tries_max; tried++) {
      const pushed: Pushed = await pusher.push(subscription, JSON.stringify(news)).catch(() => ({ retryMs: 0 }));
      if (pushed === 'sent') return pushed;
      if (pushed === 'gone') {
        await callers.ask(user, { kind: 'pushLapsed', device, endpoint: subscription.endpoint });
        return pushed;
      }
      const waitMs = Math.max(pushed.retryMs, limits.push_retry_ms * 2 ** (tried - 1));
      // Others wait: what has to wait for long is not worth it.
      if (waitMs > limits.push_retry_ms_max) return 'failed';
      await pause(waitMs);
    }
    return 'failed';
  }
}

/** A browser's PushSubscription as JSON, with `content`. */
function subscriptionOf({ endpoint, keys, content = false }: Json): Subscription | undefined {
  if (typeof endpoint !== 'string' || typeof content !== 'boolean') return undefined;
  if (typeof keys !== 'object' || keys === null) return undefined;
  const { p256dh, auth } = keys as Json;
  // Sizes of RFC 8291: an uncompressed point, and 16 bytes.
  if (bytesIn(p256dh) !== 65 || bytesIn(auth) !== 16) return undefined;
  return { endpoint, p256dh: String(p256dh), auth: String(auth), content };
}

function bytesIn(text: unknown): number {
  return typeof text === 'string' && /^[A-Za-z0-9_-]+=*$/.test(text) ? Buffer.from(text, 'base64url').length : -1;
}

export interface VapidKeys {
  /** base64url */
  readonly publicKey: string;
  readonly privateKey: string;
}

/** The same on all nodes, and for as long as the secret is: drawn from it, so that nobody has to keep another one. */
export function vapidKeys(secret: Uint8Array): VapidKeys {
  for (let tried = 0; ; tried++) {
    const drawn = Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `ringpost vapid ${tried}`, 32));
    try {
      const pair = createECDH('prime256v1');
      pair.setPrivateKey(drawn);
      return { publicKey: pair.getPublicKey('base64url'), privateKey: drawn.toString('base64url') };
    } catch {
      // Not a number below the order of the curve, which happens once in 2^32 times.
    }
  }
}

/** Web Push (RFC 8030), encrypted for the device (RFC 8291), with the server's name (RFC 8292). */
export function webPusher(keys: VapidKeys, contact: string, outward: Outward, limits: GatewayLimits): Pusher {
  return {
    async push({ endpoint, p256dh, auth }, text) {
      const { headers, body } = webPush.generateRequestDetails({ endpoint, keys: { p256dh, auth } }, text, {
        vapidDetails: { subject: contact, ...keys },
        TTL: Math.floor(limits.push_ttl_ms / 1000),
        urgency: 'high',
      });
      const { status, retryMs } = await outward.post(endpoint, headers as Record<string, string>, body);
      if (status >= 200 && status < 300) return 'sent';
      // 404 and 410: it has ended; 400, 401, 403: it was never one of ours, or not with these keys.
      if ([400, 401, 403, 404, 410].includes(status)) return 'gone';
      return { retryMs };
    },
  };
}
