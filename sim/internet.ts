/** What lies between the devices and the edges: sockets that come from anywhere, stall, break, or go silent; and requests over HTTP. */
import type { SimRandom, SimTime } from './clock.ts';
import { Line, type Server } from './line.ts';
import type { SimWebSocket } from './web-socket.ts';

/** May be changed while the world runs. */
export interface InternetFaults {
  /** One way, drawn for each frame; those of one direction of a socket stay in order. */
  delayMs: readonly [least: number, most: number];
  /** Odds that a request or a new socket finds nobody. */
  refused: number;
  /** Odds that the answer to a request is lost: the server did as asked. */
  answerLost: number;
}

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly bearer: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: object;
}

export class Internet {
  readonly faults: InternetFaults = { delayMs: [5, 60], refused: 0, answerLost: 0 };
  readonly time: SimTime;
  readonly random: SimRandom;
  /** Sockets that are open, or half open. */
  readonly lines = new Set<Line>();
  /** Nobody gets through to these. */
  readonly blocked = new Set<string>();
  readonly #servers = new Map<string, Server>();

  constructor(time: SimTime, random: SimRandom) {
    this.time = time;
    this.random = random.stream('internet');
  }

  /** `gone`: its machine does not even refuse. */
  plug(host: string, server: Server | 'gone' | undefined): void {
    if (server === undefined) this.#servers.delete(host);
    else if (server === 'gone') this.#servers.set(host, silent);
    else this.#servers.set(host, server);
  }

  linesOf(host: string): Line[] {
    return [...this.lines].filter((line) => line.host === host);
  }

  wayMs(): number {
    return this.random.between(...this.faults.delayMs);
  }

  /** Opens a socket for a device. What comes of it the socket hears. */
  dial(socket: SimWebSocket, host: string, protocols: readonly string[]): void {
    this.time.after(this.wayMs(), () => {
      const server = this.#reach(host);
      if (server === 'nobody') this.time.after(this.wayMs(), () => socket.failed('connection refused'));
      else if (server !== 'silence') {
        const line = new Line(this, host, server, socket);
        server.run(() => server.dialled(line.far, protocols));
      }
    });
  }

  /** One request. Rejects when it finds nobody; never settles when nobody answers. */
  async request(host: string, request: HttpRequest): Promise<HttpAnswer> {
    await this.time.passed(this.wayMs());
    const server = this.#reach(host);
    if (server === 'silence') return await new Promise<never>(() => {});
    if (server === 'nobody') {
      await this.time.passed(this.wayMs());
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
    }
    const answer = await new Promise<HttpAnswer>((resolve) =>
      server.run(() => void server.http(request).then(resolve)),
    );
    await this.time.passed(this.wayMs());
    if (this.random.chance(this.faults.answerLost) || this.blocked.has(host)) return await new Promise<never>(() => {});
    return answer;
  }

  #reach(host: string): Server | 'nobody' | 'silence' {
    const server = this.#servers.get(host);
    if (this.blocked.has(host) || server === silent) return 'silence';
    if (server === undefined || this.random.chance(this.faults.refused)) return 'nobody';
    return server;
  }
}

const silent: Server = { run() {}, dialled() {}, http: () => new Promise(() => {}) };
