import { clientLimits } from '../proto/words.ts';

const second_ms = 1_000;
const day_ms = 24 * 60 * 60 * second_ms;

/** Every bound and span of the messenger, with its unit last (A9). Settings may change any of them. */
export interface MessengerLimits {
  /** A message that no device has fetched by then expires, and its sender hears of it. */
  readonly message_lifetime_ms: number;
  /** A message id is remembered at least this long (A8). */
  readonly dedup_ms: number;
  /** Forgotten ids are swept up at most this often. */
  readonly tidy_pause_ms: number;
  readonly devices_max: number;

  /** A word costs one token, each whole KiB of its frame one more. Tokens a connection gets back a second, and may save up. */
  readonly words_per_s_max: number;
  readonly words_burst_max: number;
  /** Frames refused as too fast before the socket is closed; forgiven once the tokens are full again. */
  readonly too_fast_frames_max: number;
  readonly malformed_frames_max: number;
  readonly hello_wait_ms: number;
  /** Difference between the clocks of nodes that an access token's end forgives. */
  readonly access_grace_ms: number;
  /** A refresh whose answer was lost may be asked for again within this time. */
  readonly refresh_again_ms: number;

  /** Events pushed to a device beyond its last `received`, and their bytes, which the last of them may pass. */
  readonly window_events_max: number;
  readonly window_bytes_max: number;
  /** Events, and characters of bodies, in one frame; a single longer body still goes out. */
  readonly frame_events_max: number;
  readonly frame_body_chars_max: number;
  /** A connection asks again for events that did not come, and looks now and then whether something was missed. */
  readonly pull_retry_ms: number;
  readonly check_ms: number;

  readonly online_ms: number;
  readonly presence_lease_ms: number;
  readonly watchers_max: number;
  /** "Last seen" is kept no more exactly than this. */
  readonly seen_write_ms: number;
  readonly device_seen_write_ms: number;

  /** How long after a message its author may change its text, how often, and how long it may be taken back. */
  readonly edit_ms: number;
  readonly edits_max: number;
  readonly retract_ms: number;
  /** Different reactions to one message. */
  readonly reactions_max: number;
  /** Pinned messages of one conversation. */
  readonly pins_max: number;
  /** Messages that vanish in one turn, or whose time begins in it. */
  readonly fade_messages_max: number;
  /** Timeline rows that one turn reads to find a message that is to be changed. */
  readonly amend_rows_max: number;

  /** Timeline rows that one turn searches, and characters in which it looks for words: the last text may pass them. */
  readonly search_rows_max: number;
  readonly search_chars_max: number;

  /** Files that one user has uploaded and may send, and their bytes. */
  readonly uploads_max: number;
  readonly uploads_bytes_max: number;
  /** Holders of a file that one turn reads when it looks whether there are any. */
  readonly holders_looked_max: number;
  /** Of one user: starred messages, pinned conversations, messages of groups that it does not want to see. */
  readonly starred_max: number;
  readonly pinned_max: number;
  readonly forgotten_max: number;
  /** Users that one user has blocked. */
  readonly blocked_max: number;
  readonly contacts_max: number;
  /** Questions to other users that one user's devices may have under way, and how long answers are waited for. */
  readonly gatherings_max: number;
  readonly gather_ms: number;
  /** Of one user in a day, with profiles of users that it never had to do with; users who can be found by one email or phone number. */
  readonly finds_max: number;
  readonly profiles_max: number;
  readonly handle_users_max: number;
  /** Of one user in a day; those of a partition that are kept, and told at once; of a message that goes along. */
  readonly reports_max: number;
  readonly reports_kept_max: number;
  readonly reports_page_max: number;
  /** Entries of the audit log: at the bound nothing is begun any more, until an operator has exported the oldest ones and has them dropped. */
  readonly audit_entries_max: number;
  /** Dropped in one turn. */
  readonly audit_trim_entries: number;
  /** Entries in a page; those whose answers may be asked for again. */
  readonly audit_page_max: number;
  readonly audit_tickets_max: number;
  readonly report_body_chars_max: number;
  /** Rows that one page of an export of an account's data looks at; one that asks for no more has been given up. */
  readonly export_rows_max: number;
  readonly export_lease_ms: number;
  /** Of one user in a day: people to whom it writes for the first time without having heard of them, and such that it wants in groups: enough for one as large as may be. */
  readonly strangers_max: number;
  readonly invited_strangers_max: number;
  readonly group_members_max: number;
  /** Groups of one user. */
  readonly groups_max: number;
  /** Users that one entry brings, and links that lead into a group. */
  readonly group_users_max: number;
  readonly group_links_max: number;
  /** Users who may be added wait so long for others to come with them. */
  readonly group_gather_ms: number;
  /** A branch gathers how far its members have got for so long, and the authors hear of it no more often. */
  readonly group_marks_ms: number;
  readonly group_receipts_ms: number;
  /** Messages of one member that a group remembers as not read by all. */
  readonly group_own_max: number;
  /** Messages and deeds of one user that groups have not answered yet. */
  readonly group_deeds_waiting_max: number;
  /** Refusals of one user that are remembered. */
  readonly denials_max: number;

  /** Accounts without a password of one user. */
  readonly bots_max: number;
  /** A word over HTTP waits for its answer no longer. */
  readonly desk_wait_ms: number;
  /** Whoever posts to a webhook says within so long what became of it, or is told again. */
  readonly hook_lease_ms: number;
  /** Between tries that fail: the first wait, doubled up to the longest; after so long of nothing else it is given up. */
  readonly hook_retry_ms_min: number;
  readonly hook_retry_ms_max: number;
  readonly hook_give_up_ms: number;
  /** Between two pushes to a device. */
  readonly push_pause_ms: number;
  readonly push_body_chars_max: number;

  /** Kept in the memory of an awake user. */
  readonly recent_events_max: number;
  readonly conversations_cached_max: number;
  /** Timeline rows that one turn reads when it sweeps, and when a device says how far it has got. */
  readonly sweep_rows_max: number;
  readonly received_rows_max: number;
  /** A device's cursor may move so far without being written, when no message is newly delivered by it. */
  readonly cursor_lag_events_max: number;
}

export const defaultMessengerLimits: MessengerLimits = {
  message_lifetime_ms: 30 * day_ms,
  dedup_ms: 30 * day_ms,
  tidy_pause_ms: day_ms,
  devices_max: 8,

  words_per_s_max: 500,
  words_burst_max: 1_000,
  too_fast_frames_max: 100,
  malformed_frames_max: 5,
  hello_wait_ms: 5 * second_ms,
  access_grace_ms: 5 * second_ms,
  refresh_again_ms: 60 * second_ms,

  window_events_max: clientLimits.window_events_max,
  window_bytes_max: clientLimits.window_bytes_max,
  frame_events_max: 128,
  frame_body_chars_max: 32 * 1024,
  pull_retry_ms: 2 * second_ms,
  check_ms: 300 * second_ms,

  online_ms: clientLimits.online_ms,
  presence_lease_ms: 60 * second_ms,
  watchers_max: 1_024,
  seen_write_ms: 60 * second_ms,
  device_seen_write_ms: 600 * second_ms,

  edit_ms: 15 * 60 * second_ms,
  edits_max: 64,
  retract_ms: 2 * day_ms,
  reactions_max: 64,
  pins_max: 16,
  fade_messages_max: 64,
  amend_rows_max: 2_048,

  search_rows_max: 512,
  search_chars_max: 64 * 1024,

  uploads_max: 1_024,
  uploads_bytes_max: 4 * 1024 * 1024 * 1024,
  holders_looked_max: 256,
  starred_max: 4_096,
  pinned_max: 64,
  forgotten_max: 4_096,
  blocked_max: 1_024,
  contacts_max: 4_096,
  gatherings_max: 16,
  gather_ms: 3 * second_ms,
  finds_max: 50,
  profiles_max: 4_096,
  handle_users_max: 16,
  reports_max: 20,
  reports_kept_max: 1_024,
  reports_page_max: 16,
  audit_entries_max: 1_000_000,
  audit_trim_entries: 1_000,
  audit_page_max: 25,
  audit_tickets_max: 256,
  report_body_chars_max: 4_096,
  export_rows_max: 64,
  export_lease_ms: 60 * second_ms,
  strangers_max: 100,
  invited_strangers_max: 1_024,
  group_members_max: 1_024,
  groups_max: 1_024,
  group_users_max: clientLimits.group_users_max,
  group_links_max: 16,
  group_gather_ms: 50,
  group_marks_ms: 200,
  group_receipts_ms: 250,
  group_own_max: 1_024,
  group_deeds_waiting_max: 1_024,
  denials_max: 256,

  bots_max: 20,
  desk_wait_ms: 15 * second_ms,
  hook_lease_ms: 60 * second_ms,
  hook_retry_ms_min: 2 * second_ms,
  hook_retry_ms_max: 3_600 * second_ms,
  hook_give_up_ms: 3 * day_ms,
  push_pause_ms: 5 * second_ms,
  push_body_chars_max: 240,

  recent_events_max: 32,
  conversations_cached_max: 256,
  sweep_rows_max: 256,
  received_rows_max: 1_024,
  cursor_lag_events_max: 256,
};
