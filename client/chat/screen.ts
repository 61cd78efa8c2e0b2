import type { OwnMessage } from './ledger.ts';

export interface TheirMessage {
  readonly from: string;
  /** The group that it was said in. */
  readonly room?: string;
  readonly at: number;
  readonly body: string;
}

/** What the prompt says. */
export interface Status {
  readonly partner: string | undefined;
  readonly typing: boolean;
  /** `online`, `last seen 12:05`, `not seen yet`; '' while unknown. */
  readonly presence: string;
  /** Why there is no connection; '' while there is one. */
  readonly trouble: string;
}

/** Where a chat is shown and its lines come from: a terminal, or plain lines in and out. */
export interface Screen {
  /** Context (the last messages of a conversation that is opened) is wanted here. */
  readonly context: boolean;
  /** What is typed, line by line, until the input ends or `close`. */
  readonly lines: AsyncIterable<string>;
  own(message: OwnMessage): void;
  /** Own messages that were shown have got further. */
  ticked(messages: readonly OwnMessage[]): void;
  /** `here`: of the conversation that is open. */
  theirs(message: TheirMessage, here: boolean): void;
  heading(text: string): void;
  note(text: string): void;
  alert(text: string): void;
  /** The answer to a command. */
  answer(lines: readonly string[]): void;
  status(status: Status): void;
  close(): void;
}
