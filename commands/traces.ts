/** The traces of a server: whether and where to, as the command line says it. */
import type { Probe } from '../runtime/index.ts';
import type { TracesTo, Tracing } from '../tracing/index.ts';
import { type Options, textOf, UsageError } from './options.ts';

export const tracesOptions = {
  traces: { type: 'string' },
  'trace-share': { type: 'string' },
} as const;

const default_share = 0.001;
/** Where collectors take OTLP over HTTP, unless the URL says otherwise. */
const default_path = '/v1/traces';

export const tracesHelp = `  --traces URL           a collector that takes OTLP over HTTP: gets the traces of some messages, such as http://127.0.0.1:4318 (off)
  --trace-share S        which share of what clients send is followed, 0 to 1 (${default_share})
`;

/** Undefined: nobody wants traces. */
export function tracesOf(options: Options): TracesTo | undefined {
  const text = textOf(options, 'traces', '');
  const share = shareOf(options);
  if (options.traces === undefined) {
    if (options['trace-share'] !== undefined) throw new UsageError('--trace-share needs --traces.');
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new UsageError(`--traces takes http://… or https://…, not "${text}".`);
  if (url.pathname === '/') url.pathname = default_path;
  return { url: url.href, share };
}

function shareOf(options: Options): number {
  const text = textOf(options, 'trace-share', String(default_share));
  const share = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && share <= 1) return share;
  throw new UsageError(`--trace-share takes a number from 0 to 1, not "${text}".`);
}

/** Loaded when asked for: it is as much code as the rest of a node. */
export async function openTraces(to: TracesTo, node: string, probe: Probe | undefined): Promise<Tracing> {
  const { openTracing } = await import('../tracing/index.ts');
  return openTracing({ ...to, node, count: (name, label, by) => probe?.count(name, label, by) });
}
