/** The metrics of a server: opened before it, shown once it is up. */
import type { Gateway } from '../gateway/index.ts';
import { Meter, Metrics, type MetricsAt, serveMetrics } from '../metrics/index.ts';
import type { Node, Probe } from '../runtime/index.ts';
import type { OpenPorts } from '../runtime/io/index.ts';
import { type Options, textOf, UsageError, wholeNumber } from './options.ts';

export const metricsOptions = {
  'metrics-port': { type: 'string' },
  'metrics-host': { type: 'string' },
} as const;

const default_host = '127.0.0.1';

export const metricsHelp = `  --metrics-port N       where Prometheus finds GET /metrics (off; 0 takes a free port)
  --metrics-host ADDRESS which interface that is on (${default_host})
`;

/** Undefined: nobody wants metrics. */
export function metricsOf(options: Options): MetricsAt | undefined {
  if (options['metrics-port'] === undefined) {
    if (options['metrics-host'] !== undefined) throw new UsageError('--metrics-host needs --metrics-port.');
    return undefined;
  }
  const host = textOf(options, 'metrics-host', default_host);
  if (host === '') throw new UsageError('--metrics-host takes an address of this machine, not "".');
  return { host, port: wholeNumber(options, 'metrics-port', 0, 0, 65_535) };
}

/** For whoever started the server. */
export function metricsAt(url: string): string {
  return url === '' ? '' : ` Metrics are at ${url}.`;
}

export interface OpenMetrics {
  readonly probe: Probe;
  readonly url: string;
  show(node: Node, gateway: Gateway, ports: OpenPorts): void;
  close(): Promise<void>;
}

/** @throws UsageError when it can't listen there. */
export async function openMetrics(at: MetricsAt): Promise<OpenMetrics> {
  const meter = new Meter();
  const server = await serveMetrics(at).catch((error: unknown) => {
    throw new UsageError(whyNot(at, error));
  });
  return {
    probe: meter,
    url: server.url,
    show(node, gateway, ports) {
      const links = () => ({ network: ports.network.connected(), ...ports.links() });
      const sources = { node: () => node.levels(), counts: () => node.counts, edge: () => gateway.figures(), links };
      server.show(new Metrics(meter, sources));
    },
    close: () => server.close(),
  };
}

function whyNot({ host, port }: MetricsAt, error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'EADDRINUSE') {
    return `Port ${port} is taken by another program; choose another one for metrics with --metrics-port.`;
  }
  if (code === 'EACCES') return `Port ${port} needs rights that this process has not; choose one from 1024 on.`;
  return `--metrics-host takes an address of this machine, not "${host}" (${String(code ?? message)}).`;
}
