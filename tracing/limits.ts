/** Every bound of the traces, with its unit last (A9). */
export const tracingLimits = {
  /** Spans that wait for the collector; one more is dropped, and counted. */
  spans_waiting_max: 8_192,
  /** Spans in one request to it, and how long the first of them waits for company. */
  batch_spans_max: 512,
  batch_wait_ms: 1_000,
  /** Time for the collector to answer, tries included; one request at a time. */
  export_ms_max: 5_000,
  /** Time for what still waits when the node stops. */
  last_spans_ms_max: 2_000,
  /** Traces that clients begin, a second: they choose what is followed, but not how much it may cost. */
  client_traces_per_s_max: 20,
  /** A frame that follows a followed push within so long, of the same socket, is taken for what the client says to it. */
  answer_ms_max: 2_000,
} as const;

export type TracingLimits = { readonly [bound in keyof typeof tracingLimits]: number };
