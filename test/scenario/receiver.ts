import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Somebody else's server: keeps what is posted to it, and answers as it is told to. */
export class Receiver {
  readonly all: Received[] = [];
  /** The status of the next answers. */
  status: (received: Received) => number = () => 204;
  url = '';
  readonly #server = createServer(async (request, response) => {
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return;
    const received = { path: request.url ?? '', headers: request.headers, body };
    const status = this.status(received);
    if (status < 300) this.all.push(received);
    response.writeHead(status).end();
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** As Standard Webhooks has it. Throws when it is not right. */
export function verified(
  { headers, body }: Received,
  secret: string,
): { from: number; upTo: number; events: { n: number; body?: string }[] } {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const said = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const right = `v1,${createHmac('sha256', key).update(said).digest('base64')}`;
  if (headers['webhook-signature'] !== right) throw new Error('not signed by this secret');
  return JSON.parse(body.toString());
}
