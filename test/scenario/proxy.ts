import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Proxy {
  readonly url: string;
  /** WebSocket handshakes that it has refused. */
  upgrades(): number;
  close(): void;
}

/** A proxy as offices have them: HTTP goes through, WebSockets don't, and with `streams` false an answer goes on only when it is whole. */
export async function startProxy(to: string, streams: boolean): Promise<Proxy> {
  let upgrades = 0;
  const forward = (asked: IncomingMessage, answer: ServerResponse): void => {
    const { method, headers, url = '/' } = asked;
    const further = request(new URL(url, to), { method, headers }, async (answered) => {
      const { statusCode = 502 } = answered;
      if (streams) {
        answered.pipe(answer.writeHead(statusCode, answered.headers));
        return;
      }
      const body = await text(answered).catch(() => undefined);
      if (body === undefined) answer.destroy();
      else answer.writeHead(statusCode, answered.headers).end(body);
    });
    further.on('error', () => answer.destroy());
    answer.on('close', () => further.destroy());
    asked.pipe(further);
  };
  const server = createServer(forward);
  server.on('upgrade', (_, socket) => {
    upgrades += 1;
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upgrades: () => upgrades,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
