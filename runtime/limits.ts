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
  /** Mails and outputs of one turn that are followed further (`Tracer`): a message to a large group would else be as many spans as it has members. */
  readonly followed_sends_max: number;
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
  /** Rows of a partition that wait because the local store takes none; beyond it new mail is refused. */
  readonly store_rows_waiting_max: number;
  /** A node whose store or journal has taken nothing for so long lets others have its partitions. */
  readonly unfit_ms: number;
  readonly heartbeat_ms: number;
  /** Silence after which a node is suspected. */
  readonly suspect_ms: number;
  /** An owner that has proved for so long neither by the register nor by the journal that it still is holds back what no record proves. */
  readonly lease_ms: number;
  /** Nodes besides the owner that keep a copy of each partition. */
  readonly standbys: number;
  /** Entries that a copy gathers before it applies them: for how long, and how many bytes all copies of a node together. */
  readonly standby_gather_ms: number;
  readonly standby_gather_bytes_max: number;
  /** A copy that has not reached for so long what its owner had applied is not promoted. */
  readonly standby_stall_ms: number;
  /** Time for partitions to become warm elsewhere when a node leaves; after it they are moved cold, for as long again. */
  readonly leave_wait_ms: number;
  /** Time between looks at the ownership register, besides those that something prompts. */
  readonly ownership_poll_ms: number;
  /** Time between looks at which snapshots are due. */
  readonly snapshot_look_ms: number;
  /** Bytes, or number, of a partition's records since its last snapshot, after which the next is made. */
  readonly snapshot_bytes: number;
  readonly snapshot_records: number;
  /** A partition that has no snapshot gets its first after it was served for so long. */
  readonly snapshot_first_ms: number;
  /** Entries of the whole journal that a partition without news may hold up the truncation of. */
  readonly snapshot_span_entries_max: number;
  /** Bytes of records that are gathered in memory for one segment. */
  readonly snapshot_fold_bytes_max: number;
  /** Newer segments are merged into an older one once they are this share of its size. */
  readonly snapshot_merge_percent: number;
  /** Pause between the slices of work on snapshots, each about a millisecond: the turns' share. */
  readonly snapshot_rest_ms: number;
  /** A segment that no snapshot names any more is kept for so long: somebody may be reading it. */
  readonly snapshot_garbage_ms: number;
  /** Time between truncations of the journal. */
  readonly truncate_ms: number;
  /** Rows of its store that a node looks at together, while a partition is verified; a millisecond or two. */
  readonly verify_look_rows_max: number;
  /** Rows that differ, and are held in memory until the journal has told why. */
  readonly verify_suspects_max: number;
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
  followed_sends_max: 8,
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
  store_rows_waiting_max: 200_000,
  unfit_ms: 3_000,
  heartbeat_ms: 250,
  suspect_ms: 1_000,
  lease_ms: 1_500,
  standbys: 1,
  standby_gather_ms: 2_000,
  standby_gather_bytes_max: 16 * 1024 * 1024,
  standby_stall_ms: 5_000,
  leave_wait_ms: 4_000,
  ownership_poll_ms: 500,
  snapshot_look_ms: 1_000,
  snapshot_bytes: 16 * 1024 * 1024,
  snapshot_records: 20_000,
  snapshot_first_ms: 60_000,
  snapshot_span_entries_max: 500_000,
  snapshot_fold_bytes_max: 32 * 1024 * 1024,
  snapshot_merge_percent: 50,
  snapshot_rest_ms: 1,
  snapshot_garbage_ms: 600_000,
  truncate_ms: 30_000,
  verify_look_rows_max: 500,
  verify_suspects_max: 20_000,
};
