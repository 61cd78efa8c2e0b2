/** Everything that the engine, the messenger and the edge count, by the name that they call it: `ringpost_<name>_total` to the world. */
import { refusals } from '../proto/refusals.ts';
import { byThePerson } from '../proto/words.ts';

export interface CounterEntry {
  readonly help: string;
  /** What its label is called; absent where there is one sort only. Of two names, the label has both values with a space between them. */
  readonly label?: string | readonly [first: string, second: string];
  /** Labels that are there from the start, as zero: a rate of what was not there before can't be told. */
  readonly from?: readonly string[];
}

const rows: { readonly [name: string]: CounterEntry } = {
  // ---- the engine
  turns_failed: { help: 'Turns that threw, by kind of actor; they have changed nothing.', label: 'kind' },
  dead_letters: { help: 'Mails given up after turn_tries_max turns that threw; kept in their partition.' },
  bounds_reached: {
    help: 'How often something was refused because a named bound was reached.',
    label: 'bound',
    from: [
      'runtime.mailbox_mails_max',
      'runtime.partition_mails_max',
      'runtime.gate_outputs_max',
      'runtime.store_rows_waiting_max',
      'runtime.outbox_mails_max',
      'runtime.asks_max',
      'gateway.hooks_waiting_max',
      'gateway.pushes_waiting_max',
      'gateway.scrypt_waiting_max',
      'gateway.uploads_unfinished_max',
      'gateway.uploads_total_bytes_max',
      'gateway.looks_waiting_max',
      'tracing.spans_waiting_max',
    ],
  },
  takeovers: {
    help: 'Partitions that this node began to serve: from a warm copy, or cold from store, snapshot and journal; and tries that failed.',
    label: 'how',
    from: ['warm', 'cold', 'failed'],
  },
  moves: { help: 'Partitions handed over to other nodes, as planned.' },
  partitions_dropped: {
    help: 'Partitions given up at once: another owner had written, a row was damaged, or an invariant was broken.',
    label: 'why',
    from: ['fenced', 'damaged', 'broken'],
  },
  standbys_lost: {
    help: 'Warm copies thrown away (they did not fit their owner) or given up for now (no room), to be built anew.',
    label: 'why',
    from: ['quarantined', 'given_up'],
  },
  nodes_lost: { help: 'Other nodes that were taken for dead.' },
  datagrams_lost: { help: 'Gaps noticed in what other nodes sent; what was lost is sent again.' },
  register_errors: { help: 'Looks at the ownership register that failed.' },
  store_errors: { help: 'Writes that the local store refused; they are tried again.' },
  snapshots: { help: 'Snapshots of partitions.', label: 'outcome', from: ['made', 'failed'] },
  spans: {
    help: 'Spans of traces: sent to the collector, failed (it did not take them), or dropped (too many waited).',
    label: 'outcome',
    from: ['sent', 'failed', 'dropped'],
  },
  traces: {
    help: 'Messages that began to be followed: by chance, or because their client asked for it.',
    label: 'by',
    from: ['share', 'client'],
  },
  // ---- the messenger
  words: { help: 'Words of clients that were carried out, by kind.', label: 'kind', from: Object.keys(byThePerson) },
  refusals: { help: 'Words refused to clients, by code.', label: 'code', from: Object.keys(refusals) },
  messages_accepted: { help: 'Messages taken from senders, durable.', label: 'to', from: ['user', 'group'] },
  messages_arrived: { help: "Messages in recipients' timelines.", label: 'to', from: ['user', 'group'] },
  messages_delivered: {
    help: 'Messages, and entries of groups, that a first device of their recipient has received.',
    label: 'to',
    from: ['user', 'group'],
  },
  messages_failed: {
    help: 'Messages that will not be delivered, as their senders were told.',
    label: 'code',
    from: ['unknown_user', 'deactivated', 'expired'],
  },
  receipts: { help: 'Receipts that reached senders.', label: 'mark', from: ['delivered', 'read'] },
  // ---- the edge
  sockets_ended: {
    help: 'Sockets that the edge ended, by word; dead: nothing came back to a ping; untold: their actor could not be told.',
    label: 'why',
    from: ['overloaded', 'unavailable', 'dead', 'untold'],
  },
  http_requests: {
    help: 'Requests answered over HTTP, by route and status; cut: broken off while bytes came in or went out.',
    label: ['route', 'status'],
  },
  http_refusals: {
    help: 'Requests and handshakes refused over HTTP, by code.',
    label: 'code',
    from: ['internal', 'overloaded', 'unavailable'],
  },
  uploads: {
    help: 'Uploads of files: begun, kept as a file, or refused when all of them had come.',
    label: 'outcome',
    from: ['begun', 'kept', 'refused'],
  },
  file_bytes: {
    help: 'Bytes of files: in by uploads, out by downloads, those of requests that were broken off included.',
    label: 'direction',
    from: ['in', 'out'],
  },
  file_looks: {
    help: 'Uploaded files that were looked into, by what they were found to be; failed: the process that looks died of it or took too long; busy: too many waited.',
    label: 'outcome',
    from: ['image', 'other', 'bad_image', 'image_too_large', 'failed', 'busy'],
  },
  webhooks: { help: 'Batches of events posted to webhooks.', label: 'outcome', from: ['sent', 'failed'] },
  pushes: {
    help: 'Web pushes; gone: nobody is subscribed any more; dropped: too many waited.',
    label: 'outcome',
    from: ['sent', 'gone', 'failed', 'dropped'],
  },
};

export const counters: ReadonlyMap<string, CounterEntry> = new Map(Object.entries(rows));
