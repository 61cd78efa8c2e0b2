/** A wire between a client and a nats-server that loses what it is told to lose. */
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';

export class NatsProxy {
  /** What the server sends and this says yes to, by its first line, doesn't arrive. */
  loses: (line: string) => boolean = () => false;
  /** Nothing passes, either way, and nobody is told. */
  frozen = false;
  readonly lost: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** In front of a server's `nats://host:port`. */
  static async to(url: string): Promise<NatsProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new NatsProxy(hostname, Number(port));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(host: string, port: number) {
    this.#server = createServer((client) => {
      const server = dial(port, host);
      const toClient = new Framing((frame, line) => {
        if (this.frozen) return;
        if (this.loses(line)) this.lost.push(line);
        else client.write(frame);
      });
      server.on('data', (data) => toClient.push(data));
      client.on('data', (data) => !this.frozen && server.write(data));
      for (const [socket, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          if (!this.frozen) other.destroy();
        });
      }
    });
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Cuts what a server sends into its messages: a line, and the bytes that a MSG or HMSG announces in its last word. */
class Framing {
  readonly #each: (frame: Buffer, line: string) => void;
  #buffer = Buffer.alloc(0);

  constructor(each: (frame: Buffer, line: string) => void) {
    this.#each = each;
  }

  push(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end < 0) return;
      const line = this.#buffer.subarray(0, end).toString();
      const payload = /^H?MSG /.test(line) ? Number(line.split(' ').at(-1)) + 2 : 0;
      const length = end + 2 + payload;
      if (this.#buffer.length < length) return;
      this.#each(this.#buffer.subarray(0, length), line);
      this.#buffer = this.#buffer.subarray(length);
    }
  }
}
