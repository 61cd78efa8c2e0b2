/** What a user tells whoever runs the server of another user. */
import { isCount } from './fault.ts';
import { type Fields, isConversationId, isFields, isText, isUserId } from './fields.ts';
import { type ConversationId, clientLimits, type MessageId, type UserId } from './words.ts';

export const reportReasons = ['spam', 'harassment', 'violence', 'fraud', 'minors', 'other'] as const;
export type ReportReason = (typeof reportReasons)[number];

/** For an operator to read; `user` is never told. */
export interface ReportDeed {
  readonly what: 'report';
  readonly user: UserId;
  readonly reason: ReportReason;
  readonly text: string;
  /** A message of `user` in this conversation: what it says goes along. */
  readonly message?: { readonly with: ConversationId; readonly seq: number };
}

export function reportDeed({ user, reason, text, message }: Fields): ReportDeed | undefined {
  const known = reportReasons.find((one) => one === reason);
  if (!isUserId(user) || known === undefined || !isText(text, clientLimits.report_text_chars_max)) return undefined;
  const deed = { what: 'report', user, reason: known, text } as const;
  if (message === undefined || message === null) return deed;
  if (!isFields(message) || !isConversationId(message.with) || !isCount(message.seq) || message.seq === 0) {
    return undefined;
  }
  return { ...deed, message: { with: message.with, seq: message.seq } };
}

// ---------------------------------------------------------------- mail

/** As it is kept. */
export interface Report {
  readonly by: UserId;
  readonly user: UserId;
  readonly reason: ReportReason;
  readonly text: string;
  readonly at: number;
  /** As the reporter has it; a long one is cut. */
  readonly message?: {
    readonly with: ConversationId;
    readonly id: MessageId;
    readonly seq: number;
    readonly at: number;
    readonly body: string;
  };
}

export interface ReportsPage {
  /** Newest first; `n` counts the reports kept here from 1. */
  readonly list: readonly (Report & { readonly n: number })[];
  /** `before` of the next page; 0 at the end. */
  readonly next: number;
  readonly kept: number;
  /** Older ones, which had to make room. */
  readonly dropped: number;
}

/** The reports of the users of one partition, `reports/@<partition>/all`. */
export type ReportsProtocol = {
  // ---- from users, in the same partition (durable)
  report: { mail: { readonly report: Report }; reply: never };
  // ---- asked by whoever runs the server
  /** Those below `before`; 0: from the newest. */
  list: { mail: { readonly before: number; readonly limit: number }; reply: ReportsPage };
};
