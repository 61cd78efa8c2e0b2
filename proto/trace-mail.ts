/** What an operator asks of users about one message: never what it says. */
import type { ConversationId, FailedEvent, MessageId, UserId } from './words.ts';

/** As its sender knows it; times are 0 for what has not happened. */
export interface Traced {
  readonly to: ConversationId;
  readonly seq: number;
  readonly at: number;
  readonly delivered: number;
  readonly read: number;
  readonly failed: FailedEvent['code'] | '';
}

export type TraceProtocol = {
  /** Of a message that this user sent under that id; null where it is not known, or not any longer. */
  trace: { mail: { readonly id: MessageId }; reply: Traced | null };
  /** Number in this user's timeline of a message that came from another; 0 where it did not come, or is not there any longer. */
  arrival: { mail: { readonly from: UserId; readonly seq: number }; reply: number };
};
