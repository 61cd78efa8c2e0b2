/** Every bound of the engine, with its unit last (A9). Settings may change any of them. */
export interface Limits {
  /** Mails waiting for one actor; one more is refused (`full`). */
  readonly mailbox_mails_max: number;
  /** Mails waiting for all actors of a partition. */
  readonly partition_mails_max: number;
  /** Bytes (estimated) of outputs that wait for the gate of one partition. */
  readonly gate_outputs_max: number;
  /** Rows and mail of one turn; a turn that goes beyond it throws. */
  readonly turn_bytes_max: number;
  /** One record; the partition seals early when it is reached. */
  readonly record_bytes_max: number;
  /** Records in one append. */
  readonly append_batch_max: number;
  /** Appends in flight for one node; each partition is in at most one of them. */
  readonly appends_in_flight_max: number;
  /** Pause after an append, as a share of the time that it took; 0 for none. */
  readonly append_rest_percent: number;
  readonly append_rest_ms_max: number;
  /** Mails of one channel that are sent and not yet acknowledged. */
  readonly channel_window_mails: number;
  /** Mails of one partition's outbox, sent or waiting; beyond it new asks are refused. */
  readonly outbox_mails_max: number;
  /** Silence on a channel with unacknowledged mail before it is sent again. */
  readonly channel_resend_ms: number;
  /** One datagram between nodes. */
  readonly datagram_bytes_max: number;
  /** Asks of this node that wait for a reply. */
  readonly asks_max: number;
  readonly ask_wait_ms_max: number;
  /** Tries of a mail whose turn throws, before it becomes a dead letter. */
  readonly turn_tries_max: number;
  readonly turn_retry_ms: number;
  /** Turns of one actor before another has its share. */
  readonly turns_in_a_row_max: number;
  /** Time that turns may hold the event loop. */
  readonly run_slice_ms: number;
  /** An actor is put to sleep after this long without mail. */
  readonly idle_ms: number;
  /** Awake actors of a node; beyond it the longest idle ones go to sleep first. */
  readonly awake_actors_max: number;
  /** Write-behind to the local store. */
  readonly store_flush_ms: number;
  /** Rows that wait for the local store before it is written at once. */
  readonly store_flush_rows_max: number;
  readonly heartbeat_ms: number;
  /** Silence after which a node is suspected. */
  readonly suspect_ms: number;
  /** Time between looks at the ownership register, besides those that something prompts. */
  readonly ownership_poll_ms: number;
}

export const defaultLimits: Limits = {
  mailbox_mails_max: 4_096,
  partition_mails_max: 65_536,
  gate_outputs_max: 65_536,
  // A record is at most the two together and a little: it always fits NATS's 1 MiB.
  turn_bytes_max: 256 * 1024,
  record_bytes_max: 256 * 1024,
  append_batch_max: 256,
  appends_in_flight_max: 1,
  append_rest_percent: 200,
  append_rest_ms_max: 50,
  channel_window_mails: 4_096,
  outbox_mails_max: 65_536,
  channel_resend_ms: 1_000,
  datagram_bytes_max: 512 * 1024,
  asks_max: 16_384,
  ask_wait_ms_max: 30_000,
  turn_tries_max: 5,
  turn_retry_ms: 50,
  turns_in_a_row_max: 64,
  run_slice_ms: 10,
  idle_ms: 60_000,
  awake_actors_max: 500_000,
  store_flush_ms: 200,
  store_flush_rows_max: 20_000,
  heartbeat_ms: 250,
  suspect_ms: 1_000,
  ownership_poll_ms: 1_000,
};
