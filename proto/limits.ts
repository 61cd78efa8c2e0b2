/** The limits of protocol v1; a server may have others, and tells them in its `welcome`. */
export const clientLimits = {
  frame_bytes_max: 64 * 1024,
  words_max: 64,
  depth_max: 6,
  body_bytes_max: 32 * 1024,
  message_id_chars_max: 64,
  user_chars_max: 32,
  device_chars_max: 32,
  watch_users_max: 64,
  page_messages_max: 100,
  /** Of the words that are searched for. */
  search_chars_max: 256,
  /** A search counts as so many words of its socket. */
  search_cost_words: 10,
  /** Events sent to a device beyond its last `received`, and their bytes; then the server waits for it. */
  window_events_max: 512,
  window_bytes_max: 512 * 1024,
  /** One frame from the server. */
  server_frame_bytes_max: 256 * 1024,
  client_chars_max: 64,
  epoch_chars_max: 64,
  /** A `typing` that nothing renews or ends counts as ended after this. */
  typing_ms: 10_000,
  group_id_chars_max: 49,
  group_title_chars_max: 128,
  group_about_chars_max: 1_024,
  /** In one word. */
  group_users_max: 256,
  group_link_chars_max: 64,
  quote_chars_max: 256,
  mentions_max: 64,
  reaction_chars_max: 32,
  file_name_chars_max: 128,
  /** Of an image's blurred preview, in base64. */
  preview_chars_max: 512,
  /** Of messages that vanish by themselves: the shortest time of a conversation, the longest of any. */
  vanish_ms_min: 5_000,
  vanish_ms_max: 366 * 24 * 60 * 60_000,
  /** Of a name, a telephone number or an address. */
  card_chars_max: 128,
  profile_about_chars_max: 256,
  /** In one word. */
  profile_users_max: 64,
  report_text_chars_max: 1_024,
  /** Presence counts as online for this long after the person last did something. */
  online_ms: 10_000,
} as const;

/** How many words a word counts as. */
export function costOf({ kind }: { readonly kind: string }): number {
  return kind === 'search' ? clientLimits.search_cost_words : 1;
}

/** The limits of one server, as its `welcome` tells them; `clientLimits` are the defaults. */
export type ClientLimits = { readonly [name in keyof typeof clientLimits]: number };
