/** The door of the metrics: what counts, what shows it, and where. */
export { Meter } from './meter.ts';
export { Metrics } from './registry.ts';
export { type MetricsAt, serveMetrics } from './server.ts';
