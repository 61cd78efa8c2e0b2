import { clientLimits } from '../proto/words.ts';
import { defaultMediaLimits, type MediaLimits } from './media/limits.ts';

/** Every bound of the gateway, with its unit last (A9). Settings may change any of them. "Peer": a client's IP address, or its IPv6 /64. */
export interface GatewayLimits extends MediaLimits {
  // ---- sockets
  /** One message of a client; a longer one closes its socket (1009). */
  readonly frame_bytes_max: number;
  /** Fragments of one message. */
  readonly frame_fragments_max: number;
  /** Reads that ws keeps while a frame is not whole: 64 KiB in the smallest usual segments (536 bytes) are 123. */
  readonly frame_chunks_max: number;
  readonly sockets_max: number;
  readonly sockets_per_user_max: number;
  readonly sockets_per_peer_max: number;
  readonly handshakes_per_peer_burst: number;
  readonly handshakes_per_peer_per_minute: number;
  /** A socket is pinged this often; one that has sent nothing at all since the last ping is dead. */
  readonly ping_ms: number;
  /** Time for the first frame of a socket. Longer than the connection actor's own wait for `hello`, which has the better word. */
  readonly first_frame_ms: number;
  /** Time for the other side to answer a close. */
  readonly close_ms: number;
  /** Time between looks at all sockets; the grain of the times above. */
  readonly sweep_ms: number;
  /** Bytes written to one socket that its client has not read yet; beyond it the socket is closed, and the client resumes later. */
  readonly unread_bytes_max: number;
  /** The same over all sockets: beyond it the slowest are closed. */
  readonly unread_total_bytes_max: number;
  // ---- sockets over HTTP
  /** A poll without news is answered after so long; less than `ping_ms`, so that each is a sign of life. */
  readonly poll_ms_max: number;
  /** Frames that come in one request. */
  readonly post_bytes_max: number;
  /** Requests of one user about its sockets. */
  readonly socket_requests_per_user_burst: number;
  readonly socket_requests_per_user_per_minute: number;
  // ---- between a socket and its connection actor
  /** Frames that wait while the actor can't take them. Reading is paused then, so these come from one read of at most 64 KiB. */
  readonly parked_frames_max: number;
  /** Time that frames wait before the socket is closed. */
  readonly park_ms_max: number;
  /** Time to (re)introduce a socket to its actor before it is closed. */
  readonly introduce_ms_max: number;
  /** Pauses between such tries: the first, doubled up to the longest. */
  readonly retry_ms_min: number;
  readonly retry_ms_max: number;
  /** A frame that has had no effect after so long was lost on the way: the socket is introduced again. */
  readonly effect_ms_max: number;
  // ---- when clients want more than the nodes can do
  /** Time that frames should take from the edge to their effect: while they take longer, fewer are let on their way. */
  readonly lane_ms_target: number;
  /** Bytes under way to the actors of one node: the budget moves between these. A frame counts for its bytes and `lane_frame_bytes`. */
  readonly lane_bytes_min: number;
  readonly lane_bytes_max: number;
  readonly lane_frame_bytes: number;
  /** One frame in so many bytes is answered. */
  readonly lane_mark_bytes: number;
  /** Time that a socket's frames wait for a turn before it is closed. */
  readonly lane_wait_ms_max: number;
  /** When even sockets that ask for little have waited so long, no new ones are taken, and no logins. */
  readonly overload_ms: number;
  /** Bytes of frames that wait in this edge, of all sockets; a socket whose frames go beyond it is closed. */
  readonly parked_total_bytes_max: number;
  // ---- when this node leaves
  /** Clients are sent to other nodes one by one: so long after one another, and all of them within so long. */
  readonly handover_gap_ms: number;
  readonly handover_ms_max: number;
  /** Time for a client that was sent away to connect elsewhere before its socket is closed. */
  readonly farewell_ms: number;
  // ---- HTTP
  /** Connections beyond those of sockets, such as requests and handshakes on their way; one more is dropped unheard. */
  readonly http_connections_max: number;
  readonly http_connections_per_peer_max: number;
  readonly header_bytes_max: number;
  readonly body_bytes_max: number;
  readonly headers_ms_max: number;
  readonly request_ms_max: number;
  readonly keep_alive_ms: number;
  readonly ask_wait_ms_max: number;
  /** Exports of accounts at a time; how often a page is asked for, a second apart at the most; how long a client may not read. */
  readonly exports_max: number;
  readonly export_tries_max: number;
  readonly export_stall_ms_max: number;
  /** Time for requests that are being carried out when the edge closes. */
  readonly last_answers_ms_max: number;
  // ---- for builders
  /** Words over HTTP, of one user. */
  readonly words_per_user_burst: number;
  readonly words_per_user_per_minute: number;
  readonly bot_token_ms: number;
  /** Time for somebody else's server to answer. */
  readonly outward_wait_ms_max: number;
  /** Accounts whose webhooks are posted to at a time, and that wait for it; one more comes again by its timer. */
  readonly hooks_running_max: number;
  readonly hooks_waiting_max: number;
  /** Pushes at a time, and that wait; one more is dropped. */
  readonly pushes_running_max: number;
  readonly pushes_waiting_max: number;
  readonly push_tries_max: number;
  /** The first wait between tries; a longer one than the longest is not waited for. */
  readonly push_retry_ms: number;
  readonly push_retry_ms_max: number;
  /** How long a push service keeps a push for a device that is off. */
  readonly push_ttl_ms: number;
  // ---- accounts
  readonly password_chars_min: number;
  readonly password_chars_max: number;
  /** scrypt's N, r and p for new passwords. */
  readonly scrypt_cost: number;
  readonly scrypt_block_size: number;
  readonly scrypt_parallelism: number;
  /** scrypt computations at a time. They share libuv's few threads with the file system and DNS. */
  readonly scrypt_running_max: number;
  /** Computations that wait; one more is refused (`overloaded`). */
  readonly scrypt_waiting_max: number;
  readonly access_token_ms: number;
  readonly refresh_token_ms: number;
  readonly registers_per_peer_burst: number;
  readonly registers_per_peer_per_minute: number;
  readonly logins_per_peer_burst: number;
  readonly logins_per_peer_per_minute: number;
  readonly refreshes_per_peer_burst: number;
  readonly refreshes_per_peer_per_minute: number;
  /** Peers remembered in each table of rates; the one longest unheard of is forgotten first. */
  readonly rate_peers_max: number;
}

export const defaultGatewayLimits: GatewayLimits = {
  ...defaultMediaLimits,
  frame_bytes_max: clientLimits.frame_bytes_max,
  frame_fragments_max: 64,
  frame_chunks_max: 512,
  sockets_max: 50_000,
  sockets_per_user_max: 16,
  sockets_per_peer_max: 1_024,
  handshakes_per_peer_burst: 1_024,
  handshakes_per_peer_per_minute: 1_800,
  ping_ms: 20_000,
  first_frame_ms: 15_000,
  close_ms: 5_000,
  sweep_ms: 1_000,
  unread_bytes_max: 1024 * 1024,
  unread_total_bytes_max: 256 * 1024 * 1024,
  poll_ms_max: 15_000,
  post_bytes_max: 256 * 1024,
  socket_requests_per_user_burst: 600,
  socket_requests_per_user_per_minute: 12_000,
  parked_frames_max: 4_096,
  park_ms_max: 5_000,
  introduce_ms_max: 15_000,
  retry_ms_min: 20,
  retry_ms_max: 500,
  effect_ms_max: 30_000,
  lane_ms_target: 100,
  lane_bytes_min: 128 * 1024,
  lane_bytes_max: 1024 * 1024,
  lane_frame_bytes: 256,
  lane_mark_bytes: 4 * 1024,
  lane_wait_ms_max: 15_000,
  overload_ms: 1_000,
  parked_total_bytes_max: 128 * 1024 * 1024,
  handover_gap_ms: 20,
  handover_ms_max: 10_000,
  farewell_ms: 3_000,
  http_connections_max: 1_024,
  http_connections_per_peer_max: 128,
  header_bytes_max: 8 * 1024,
  body_bytes_max: 4 * 1024,
  headers_ms_max: 10_000,
  request_ms_max: 15_000,
  keep_alive_ms: 5_000,
  ask_wait_ms_max: 10_000,
  exports_max: 8,
  export_tries_max: 20,
  export_stall_ms_max: 30_000,
  last_answers_ms_max: 5_000,
  words_per_user_burst: 200,
  words_per_user_per_minute: 1_200,
  bot_token_ms: 10 * 365 * 24 * 60 * 60_000,
  outward_wait_ms_max: 10_000,
  hooks_running_max: 256,
  hooks_waiting_max: 10_000,
  pushes_running_max: 32,
  pushes_waiting_max: 10_000,
  push_tries_max: 3,
  push_retry_ms: 1_000,
  push_retry_ms_max: 30_000,
  push_ttl_ms: 24 * 60 * 60_000,
  password_chars_min: 8,
  password_chars_max: 128,
  // One of the settings that OWASP's password storage page gives as equal in strength to N = 2^17, p = 1: with N = 2^15 a
  // computation takes 32 MiB instead of 128, so that a burst of logins can't take the node's memory.
  scrypt_cost: 2 ** 15,
  scrypt_block_size: 8,
  scrypt_parallelism: 3,
  scrypt_running_max: 2,
  scrypt_waiting_max: 64,
  access_token_ms: 15 * 60_000,
  refresh_token_ms: 30 * 24 * 60 * 60_000,
  registers_per_peer_burst: 20,
  registers_per_peer_per_minute: 10,
  logins_per_peer_burst: 30,
  logins_per_peer_per_minute: 30,
  refreshes_per_peer_burst: 120,
  refreshes_per_peer_per_minute: 120,
  rate_peers_max: 10_000,
};
