/** Every time and bound of the SDK, each with its unit last. What the server allows stands in `clientLimits` of proto/words.ts. */
export const sdkLimits = {
  /** Messages kept until the server has answered; `send` throws `outbox_full` beyond it. */
  outbox_messages_max: 10_000,
  /** Messages sent on a socket and not yet answered; the others wait in the outbox. */
  sends_in_flight_max: 128,
  /**
   * A client keeps below the pace that servers allow by default (500 words a second, 1,000 at once, and each whole KiB counts as a
   * word): a refused frame could be overtaken by the one behind it, so keeping the pace is what keeps messages in order.
   */
  words_per_s_max: 450,
  words_burst_max: 900,
  /** A client that has used up its pace waits until it may say so many words. */
  paced_words: 32,
  /** A message without any answer for so long on a live socket is sent again: sending is idempotent. */
  unanswered_ms_max: 20_000,
  /** A message that the server fails at (`internal`) so many times is given back to the application. */
  failed_tries_max: 5,
  /** Whoever was too fast waits at least so long, so that the pause buys more than the very words that were refused. */
  too_fast_wait_ms_min: 1_500,
  /** The longest pause that a refusal may ask for. */
  refused_wait_ms_max: 60_000,
  /** `history` and `inquire` that wait for an answer at the same time. */
  requests_max: 256,
  request_wait_ms_max: 15_000,
  /** Without an answer they are said again: on its way to a group a question may be lost. */
  request_repeat_ms: 4_000,
  http_wait_ms_max: 10_000,
  /** Nothing comes of an export for so long: it has broken off. */
  export_stall_ms_max: 60_000,
  /** How often all urls are tried for a request that no server has carried out, because it was leaving or the account was moving. */
  http_rounds_max: 3,
  /** Connections over HTTP: how often a request without an answer is made, and the pause between. */
  http_tries_max: 3,
  http_retry_ms: 300,
  /** One request's frames; and how long a server that can't take them may hold it back. */
  http_post_chars_max: 60_000,
  http_held_ms_max: 20_000,

  /** One request of an upload: less where the way is slow, more where it is quick, so that it takes about as long. */
  upload_chunk_bytes_min: 256 * 1024,
  upload_chunk_bytes_first: 1024 * 1024,
  upload_chunk_bytes_max: 8 * 1024 * 1024,
  upload_chunk_ms: 4_000,
  upload_wait_ms_max: 60_000,
  /** Failures of an upload in a row before it is begun anew, at the next url, and how often that is done. */
  upload_tries_max: 6,
  /** The same where nobody answers and there is another url: longer than a node takes to start again. */
  upload_tries_elsewhere_max: 3,
  upload_begins_max: 3,
  /** How often it is asked what came of an upload that is complete. */
  upload_takes_max: 4,

  /** From the first byte of a connection to `welcome`. */
  welcome_wait_ms_max: 6_000,
  /** First wait before a new connection; doubles with each round over all urls. The real wait is random between 0 and it. */
  backoff_ms_min: 250,
  backoff_ms_max: 5_000,
  /** A server that said it is overloaded is left alone for at least so long. */
  overload_wait_ms_min: 1_000,
  /** A connection that another one replaced is made again once; replaced again within so long, it is left to the other. */
  replaced_again_ms: 60_000,
  /** The longest wait before a new connection that a server's go-away may ask for. */
  goaway_wait_ms_max: 60_000,
  /** Time for the other side to answer a close before the socket is torn down. */
  close_wait_ms_max: 1_000,
  /** A connection that lived so long was a good one: the backoff starts afresh. */
  steady_ms_min: 5_000,
  /** How often a connection looks at its own health. */
  health_check_ms: 1_000,
  /** Nothing heard for so long (the server pings every 20 s, but browsers hide pings): ask a question that must be answered. */
  quiet_ms_max: 30_000,
  /** How long that question may stay unanswered before the socket counts as dead. */
  probe_wait_ms_max: 5_000,
  /** A message without an answer and nothing heard at all for so long: another connection is looked for while this one has a chance. */
  unheard_ms_max: 2_500,

  /** Receipts and own messages are acknowledged only so many at a time; messages of others at once. */
  received_lag_events_max: 64,
  /** Messages of groups are acknowledged after so long: their authors hear of all members together, and no more often. */
  group_received_ms: 200,
  /** But own messages longer than this at once: these events must not fill the window of the server, which counts bytes as well. */
  received_lag_chars_max: 1_024,
  /** A read mark is said again after a reconnect if it was said less than this before: the socket may have died with it. */
  read_repeat_ms: 60_000,
  read_marks_max: 256,
  /** The other side forgets "typing" after 10 s; saying it again earlier than this tells nobody anything. */
  typing_repeat_ms: 4_000,

  /** Typing, presence and state news that wait in one event stream; the oldest is dropped beyond it. Timeline events never are. */
  stream_volatile_max: 256,
  /** Numbers of own messages that were accepted ahead of their timeline event. */
  accepted_ahead_max: 10_000,

  /** An access token with less life than this left is renewed first. */
  token_lead_ms: 60_000,
  /** Changes within so long are stored together. A new refresh token is stored at once. */
  save_lag_ms: 100,
} as const;
