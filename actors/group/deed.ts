import type { GroupDeed, MessageId, UserId } from '../../proto/words.ts';

/** Who wants what, for an answer. */
export interface Deed<What extends GroupDeed['what'] = GroupDeed['what']> {
  readonly id: MessageId;
  readonly from: UserId;
  readonly deed: Extract<GroupDeed, { readonly what: What }>;
}
