/** One breach, in words with the names of what it is about. */
import { isGroupId } from '../proto/decode.ts';

export type Breach = string;

export function nameOf({ user, device }: { readonly user: string; readonly device: string }): string {
  return `${user}/${device}`;
}

/** What has one numbering: a direction between two users, or a group. */
export function conversationOf(from: string, to: string): string {
  return isGroupId(to) ? to : `${from} to ${to}`;
}

export function named({ id, user, to }: { readonly id: string; readonly user: string; readonly to: string }): string {
  return `${id} from ${user} to ${to}`;
}
