/** `GET /metrics` on a port of its own, apart from the clients'. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './registry.ts';

export interface MetricsAt {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface MetricsServer {
  readonly url: string;
  /** What it answers with from now on; 503 until then. */
  show(metrics: Metrics): void;
  close(): Promise<void>;
}

/** Nobody but a few scrapers has business here. */
const connections_max = 32;
const request_ms_max = 10_000;

/** Rejects when it can't listen there. */
export async function serveMetrics({ host, port }: MetricsAt): Promise<MetricsServer> {
  let shown: Metrics | undefined;
  const server = createServer(
    { requestTimeout: request_ms_max, headersTimeout: request_ms_max },
    (request, response) => {
      const [path] = (request.url ?? '').split('?', 1);
      if (path !== '/metrics') answer(response, 404, 'There is only /metrics here.\n');
      else if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, 'GET, please.\n');
      else if (shown === undefined) answer(response, 503, 'Starting.\n');
      else void tell(shown, response);
    },
  );
  server.maxConnections = connections_max;
  const at = await listen(server, host, port);
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${name}:${at}/metrics`,
    show(metrics) {
      shown = metrics;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function tell(metrics: Metrics, response: ServerResponse): Promise<void> {
  try {
    answer(response, 200, await metrics.text(), metrics.contentType);
  } catch (error) {
    answer(response, 500, `${String(error)}\n`);
  }
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
}

/** Resolves to the port. */
async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
