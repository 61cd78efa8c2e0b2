import { moreOf } from '../proto/content.ts';
import { isConversationId, isMessageId } from '../proto/decode.ts';
import { Fault } from '../proto/fault.ts';
import type { ConversationId, MessageId, More, Send, SentFile } from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import { bytesOf } from './frames.ts';

export interface SendOptions {
  /** Made up where it is not given. */
  readonly id?: MessageId;
  /** What it answers, whom it mentions, a place, a card. */
  readonly more?: More | undefined;
  /** What `files.upload` has brought, or `files.of` a message. */
  readonly file?: SentFile | undefined;
}

/** The word as the server will take it. Throws `malformed` and `too_long`. */
export function checkedSend(
  to: ConversationId,
  body: string,
  { id, more, file }: SendOptions & { readonly id: MessageId },
  bodyBytesMax: number,
): Send {
  if (!isConversationId(to)) throw malformed(`"${to}" is neither a user name nor a group.`);
  if (!isMessageId(id)) throw malformed(`"${id}" is not a message id.`);
  if (body.length * 3 > bodyBytesMax && bytesOf(body) > bodyBytesMax) {
    throw new RingpostError('too_long', `A message may have at most ${bodyBytesMax} bytes.`, false);
  }
  const checked = moreOf(file === undefined ? more : { ...more, file }, { id });
  if (checked instanceof Fault) throw new RingpostError(checked.code, checked.reason, false);
  return { kind: 'send', id, to, body, ...(checked && { more: checked }) };
}

function malformed(reason: string): RingpostError {
  return new RingpostError('malformed', reason, false);
}
