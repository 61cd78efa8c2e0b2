/** What an operator asks of users about one message: never what it says. */
import type { ConversationId, FailedEvent, MessageId, UserId } from './words.ts';

/** The row that is written when the message comes there: the record that wrote it tells more. */
export interface KeptIn {
  readonly address: string;
  readonly table: string;
  readonly key: string;
}

/** As its sender knows it; times are 0 for what has not happened. */
export interface Traced {
  readonly to: ConversationId;
  readonly seq: number;
  readonly at: number;
  readonly delivered: number;
  readonly read: number;
  readonly failed: FailedEvent['code'] | '';
  /** Of the actor that numbered it: the sender's, or the group's. */
  readonly keptIn: KeptIn;
}

export type TraceProtocol = {
  /** Of a message that this user sent under that id; null where it is not known, or not any longer. */
  trace: { mail: { readonly id: MessageId }; reply: Traced | null };
  /** Where this user's timeline has a message that came from another; null where it did not come, or is not there any longer. */
  arrival: { mail: { readonly from: UserId; readonly seq: number }; reply: KeptIn | null };
};
