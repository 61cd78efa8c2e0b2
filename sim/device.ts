/** One device of one user: its hardware, its disk, the application on it, and the SDK that the application uses. */
import {
  type ClientEvent,
  type ClientOptions,
  type ClientStorage,
  RingpostClient,
  RingpostError,
  type Saved,
  type Sent,
  type StateNews,
} from '../client/index.ts';
import type { More, Send } from '../proto/words.ts';
import { SimClock, type SimRandom, type SimTime } from './clock.ts';
import { enter } from './globals.ts';
import { History } from './history.ts';
import type { Internet } from './internet.ts';
import type { Trace } from './trace.ts';
import { Violation } from './violation.ts';
import { type Hardware, webSocketOf } from './web-socket.ts';

export interface DeviceWorld {
  readonly time: SimTime;
  readonly trace: Trace;
  readonly internet: Internet;
  /** Addresses of nodes. */
  readonly hosts: () => readonly string[];
  /** Runs `check`; what it throws ends the run. */
  check(check: () => void): void;
  /** Something was promised to a client. */
  promised(history: History, event: ClientEvent): void;
}

export interface DeviceOptions {
  readonly user: string;
  readonly name: string;
  readonly random: SimRandom;
  /** One of the user's devices makes the account; the others wait for it. */
  readonly registers: boolean;
  /** Its user looks at what comes; an auditor only takes it down. */
  readonly reads: boolean;
}

class Machine implements Hardware {
  on = true;
  readonly clock: SimClock;
  readonly random: SimRandom;

  constructor(time: SimTime, random: SimRandom, wallOffsetMs?: number) {
    this.clock = new SimClock(time, wallOffsetMs);
    this.random = random;
  }
}

const timeline = [
  'message',
  'receipt',
  'failed',
  'seen',
  'expired',
  'group',
  'declined',
  'amended',
  'vanishing',
  'vanished',
  'self',
  'gone',
] as const;
const start_again_ms: readonly [number, number] = [200, 3_000];
const save_ms: readonly [number, number] = [0, 30];

export class Device {
  readonly user: string;
  readonly name: string;
  readonly history: History;
  client: RingpostClient | undefined;
  /** Why the client closed for good, where it did. */
  over: RingpostError | undefined;
  /** Odds that its storage refuses to save. */
  storageRefuses = 0;
  readonly #world: DeviceWorld;
  readonly #random: SimRandom;
  readonly #registers: boolean;
  readonly #reads: boolean;
  readonly #kind: 'browser' | 'node';
  readonly #streams: boolean;
  #machine: Machine;
  #kept: Saved | undefined;

  constructor(world: DeviceWorld, { user, name, random, registers, reads }: DeviceOptions) {
    this.#world = world;
    this.user = user;
    this.name = name;
    this.#random = random;
    this.#registers = registers;
    this.#reads = reads;
    this.history = new History(user, name);
    this.#kind = random.pick(['browser', 'node', 'node']);
    this.#streams = random.chance(0.3);
    this.#machine = new Machine(world.time, random);
  }

  get isOn(): boolean {
    return this.#machine.on;
  }

  get clock(): SimClock {
    return this.#machine.clock;
  }

  get online(): boolean {
    return this.isOn && this.client?.state === 'online';
  }

  /** Now, as this device: its turn to happen. */
  do(what: (client: RingpostClient) => void): void {
    if (!this.isOn || this.client === undefined) return;
    enter(this.#machine);
    what(this.client);
  }

  /** Starts the application, in an event of its own. It logs in, or goes on where it was. */
  start(): void {
    const machine = this.#machine;
    machine.clock.after(0, () => {
      enter(machine);
      void this.#start(machine);
    });
  }

  /** The process is gone, with all that it had not saved. */
  crash(): void {
    if (!this.isOn) return;
    this.#world.trace.note(this.#where, 'crashes');
    this.#machine.on = false;
    this.#machine.clock.crash();
    this.client = undefined;
    for (const line of this.#world.internet.lines) if (line.belongsTo(this.#machine)) line.leftBehind();
  }

  /** After a crash. */
  boot(): void {
    if (this.isOn) return;
    this.#machine = new Machine(this.#world.time, this.#random, this.#machine.clock.wallOffsetMs);
    this.#world.trace.note(this.#where, `starts again from event ${this.#kept?.cursor ?? 0}`);
    this.start();
  }

  /** Sends a message, and keeps an eye on it. */
  send(to: string, body: string, id?: string, more?: More): void {
    this.do((client) => {
      try {
        const message = client.send(to, body, { ...(id !== undefined && { id }), ...(more && { more }) });
        this.#world.trace.note(this.#where, `sends ${message.id} to ${to}`);
        this.#follow(message);
      } catch (error) {
        if (!(error instanceof RingpostError && (error.code === 'outbox_full' || !error.retry))) throw error;
      }
    });
  }

  get #where(): string {
    return `${this.user}/${this.name}`;
  }

  // ---------------------------------------------------------------- the application

  async #start(machine: Machine): Promise<void> {
    for (;;) {
      try {
        const kept = this.over === undefined ? this.#kept : undefined;
        const client = await this.#open(machine, kept);
        if (!machine.on) return;
        this.#begin(client, machine, kept === undefined);
        return;
      } catch (error) {
        if (!(error instanceof RingpostError)) throw error;
        this.#world.trace.note(this.#where, `does not get in: ${error.code}`);
        await this.#pause(machine, this.#random.between(...start_again_ms));
      }
    }
  }

  async #open(machine: Machine, kept: Saved | undefined): Promise<RingpostClient> {
    const options = this.#options(machine);
    if (kept !== undefined) return new RingpostClient(options, kept);
    const account = { ...options, user: this.user, password: `${this.user} password`, device: this.name };
    if (this.#registers && this.#kept === undefined) {
      try {
        return await RingpostClient.register(account);
      } catch (error) {
        // Its own, from a try whose answer was lost.
        if (!(error instanceof RingpostError) || error.code !== 'taken') throw error;
      }
    }
    return await RingpostClient.login(account);
  }

  #begin(client: RingpostClient, machine: Machine, isNew: boolean): void {
    const { history } = this;
    this.client = client;
    this.over = undefined;
    history.begins(client.cursor, isNew);
    const told = (event: ClientEvent & { readonly n: number }): void => {
      this.#world.trace.note(this.#where, `hears ${event.n} ${brief(event)}`);
      this.#world.check(() => {
        history.event(event);
        this.#world.promised(history, event);
      });
      if (event.kind === 'message' && event.from !== this.user) {
        this.#mayRead(event.to === this.user ? event.from : event.to, event.seq, machine);
      }
    };
    if (this.#streams) void this.#readStream(client, told, machine);
    else for (const kind of timeline) client.on(kind, told);
    client.on('accepted', (word) => this.#world.check(() => this.#world.promised(history, word)));
    client.on('reset', ({ epoch, cursor }) => {
      const words = `${this.#where} was told that the server's log begins anew at ${cursor} (${epoch})`;
      this.#world.check(() => {
        throw new Violation('client', words, [this.user]);
      });
    });
    client.on('state', (news) => this.#state(news, machine));
    for (const sent of client.unsent()) if (sent.word.kind === 'send') this.#follow(sent as Sent<Send>);
    void client.connect().catch(() => {});
  }

  /** A reader that takes its time: the server must wait for it. */
  async #readStream(
    client: RingpostClient,
    told: (event: ClientEvent & { readonly n: number }) => void,
    machine: Machine,
  ): Promise<void> {
    for await (const event of client.events()) {
      // The next client begins where this one's reader was.
      if (this.client !== client) return;
      if ('n' in event && event.kind !== 'accepted') told(event);
      if (this.#random.chance(0.1)) await this.#pause(machine, this.#random.between(1, 500));
    }
  }

  #state({ state, error, url }: StateNews, machine: Machine): void {
    this.#world.trace.note(this.#where, `is ${state}${error ? ` (${error.code})` : ''}, ${new URL(url).hostname}`);
    if (state !== 'closed' || !machine.on) return;
    const { code } = error ?? { code: 'closed' };
    // What its user would do: log in again.
    this.over = error;
    this.client = undefined;
    machine.clock.after(this.#random.between(...start_again_ms), () => {
      enter(machine);
      void this.#start(machine);
    });
    if (code === 'login_needed' || code === 'revoked') return;
    this.#world.check(() => {
      throw new Violation('client', `${this.#where} was closed for good, though nobody wanted that: ${code}`, [
        this.user,
      ]);
    });
  }

  #follow(message: Sent<Send>): void {
    const sending = this.history.sends(message);
    message.accepted.then(
      (word) => {
        this.#world.trace.note(this.#where, `knows that ${sending.id} was accepted as ${word.n}`);
        this.#world.check(() => this.history.accepted(word));
      },
      (error: unknown) => {
        if (!(error instanceof RingpostError)) throw error;
        // Closed: with a storage, the next client sends it.
        if (error.retry || ['closed', 'login_needed', 'revoked', 'replaced'].includes(error.code)) return;
        this.#world.trace.note(this.#where, `knows that ${sending.id} was refused: ${error.code}`);
        this.history.refused(sending.id, error);
      },
    );
  }

  #mayRead(from: string, seq: number, machine: Machine): void {
    if (!this.#reads || !this.#random.chance(0.4)) return;
    machine.clock.after(this.#random.between(10, 2_000), () =>
      this.do((client) => {
        this.#world.trace.note(this.#where, `reads ${from} up to ${seq}`);
        client.read(from, seq);
      }),
    );
  }

  // ---------------------------------------------------------------- its platform

  #pause(machine: Machine, ms: number): Promise<void> {
    return new Promise((resolve) => {
      machine.clock.after(ms, () => {
        enter(machine);
        resolve();
      });
    });
  }

  #options(machine: Machine): ClientOptions {
    const { internet, hosts } = this.#world;
    return {
      urls: hosts().map((host) => `http://${host}:7100`),
      encoding: this.#kind === 'browser' ? 'json' : 'msgpack',
      storage: this.#storage(machine),
      webSocket: webSocketOf(machine, internet, this.#kind),
      fetch: (url, init) => this.#fetch(machine, url, init),
    };
  }

  #storage(machine: Machine): ClientStorage {
    return {
      load: async () => this.#kept,
      save: async (saved) => {
        await this.#pause(machine, this.#random.between(...save_ms));
        if (this.#random.chance(this.storageRefuses)) throw new Error('the quota is exceeded (simulated)');
        this.#kept = saved;
      },
    };
  }

  #fetch(machine: Machine, url: string, init: RequestInit): Promise<Response> {
    const { hostname, pathname } = new URL(url);
    const { authorization } = init.headers as { authorization?: string };
    const request = {
      method: init.method ?? 'GET',
      path: pathname,
      body: JSON.parse((init.body as string | undefined) ?? '{}') as Record<string, unknown>,
      bearer: authorization?.slice('Bearer '.length),
    };
    return new Promise((resolve, reject) => {
      const mine =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          if (!machine.on) return;
          enter(machine);
          settle(value);
        };
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
      this.#world.internet.request(hostname, request).then(
        mine(({ status, body }) => {
          resolve({ ok: status < 300, status, json: async () => body } as Response);
        }),
        mine(reject),
      );
    });
  }
}

function brief(event: ClientEvent): string {
  switch (event.kind) {
    case 'message':
      return `message ${event.id} of ${event.from} to ${event.to}, seq ${event.seq}`;
    case 'receipt':
      return `receipt of ${event.with}: ${event.delivered} delivered, ${event.read} read`;
    case 'failed':
      return `failed ${event.id} (${event.code})`;
    default:
      return event.kind;
  }
}
