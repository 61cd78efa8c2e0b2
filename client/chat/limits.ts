/** Every time and bound of the terminal chat, with its unit last. */
export const chatLimits = {
  /** Messages shown of a conversation when it is opened. */
  context_messages: 10,
  history_messages: 20,
  history_messages_max: 500,
  found_messages: 20,
  /** Own messages whose ticks are kept up to date. */
  own_messages_max: 1_000,
  /** Messages remembered as shown, so that none is shown twice. */
  shown_messages_max: 2_000,
  /** Printed blocks whose place on the screen is known. */
  blocks_max: 500,
  input_lines_max: 500,
  /** Nothing typed for so long: not typing any more. */
  typing_idle_ms: 5_000,
  password_tries_max: 3,
  /** Chats of one user at the same time on one machine, each a device of its own. */
  default_devices_max: 6,
  /** At the end of piped input: for the server's answers, and then for the first news of the messages. */
  leave_wait_ms_max: 10_000,
  leave_linger_ms_max: 1_000,
} as const;
