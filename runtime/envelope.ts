/** The engine's own mail: the answer to an actor's `ask`, on its way back as durable mail. */
export interface ReplyBody {
  readonly kind: typeof replyKind;
  readonly tag: string;
  readonly value: unknown;
}

export const replyKind = '$reply';

export function isReply(body: { readonly kind: string }): body is ReplyBody {
  return body.kind === replyKind;
}

/** The engine's word that a node's process is gone. */
export interface LostBody {
  readonly kind: typeof lostKind;
  readonly node: string;
  readonly incarnation: string;
}

export const lostKind = '$lost';

export function isLost(body: { readonly kind: string }): body is LostBody {
  return body.kind === lostKind;
}
