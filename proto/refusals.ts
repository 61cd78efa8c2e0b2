import type { FailedEvent, Refused } from './words.ts';

/** One table of refusals: the words a person reads, and whether the same word may succeed later. */
export const refusals = {
  malformed: { reason: 'This frame is not a word of the protocol.', retry: false },
  too_long: { reason: 'A field is longer than the limits of welcome allow.', retry: false },
  too_fast: { reason: 'Too many words in a short time; slow down.', retry: true },
  hello_first: { reason: 'The first word on a socket must be hello.', retry: false },
  unauthorised: { reason: 'This account or session does not allow that.', retry: false },
  revoked: { reason: 'This device was removed from the account.', retry: false },
  expired_token: { reason: 'The session has expired; refresh the token.', retry: false },
  unknown_message: { reason: 'There is no such message.', retry: false },
  not_the_author: { reason: 'Only its author may do that to a message.', retry: false },
  too_late: { reason: 'This message can not be changed any more.', retry: false },
  retracted: { reason: 'This message was taken back.', retry: false },
  too_many_reactions: { reason: 'This message has as many different reactions as one may have.', retry: false },
  too_many_pins: { reason: 'This conversation has as many pinned messages as one may have.', retry: false },
  unknown_file: {
    reason: 'There is no such file, or it is not one that this account may send in this way.',
    retry: false,
  },
  too_many_files: { reason: 'This account has uploaded as many files lately as an account may.', retry: true },
  to_self: { reason: 'A message cannot be sent to its own sender.', retry: false },
  blocked: { reason: 'You have blocked this user.', retry: false },
  too_many_blocked: { reason: 'This account has blocked as many users as an account may.', retry: false },
  too_many_starred: { reason: 'This account has starred as many messages as an account may.', retry: false },
  too_many_pinned: { reason: 'This account has pinned as many conversations as an account may.', retry: false },
  too_many_forgotten: {
    reason: 'This account has removed as many messages of groups for itself as an account may.',
    retry: false,
  },
  too_many_contacts: { reason: 'This account has as many contacts as an account may have.', retry: false },
  too_many_finds: { reason: 'This account has looked for as many people as it may in a day.', retry: true },
  too_many_reports: { reason: 'This account has reported as often as it may in a day.', retry: true },
  too_many_strangers: {
    reason: 'This account has turned to as many new people as it may in a day.',
    retry: true,
  },
  unknown_group: { reason: 'There is no group of this name.', retry: false },
  not_a_member: { reason: 'Only members of the group may do that.', retry: false },
  not_an_admin: { reason: 'Only admins of the group may do that.', retry: false },
  announcements_only: { reason: 'Only admins may send to this group.', retry: false },
  group_full: { reason: 'The group has as many members as a group may have.', retry: false },
  too_many_groups: { reason: 'This account is in as many groups as an account may be in.', retry: false },
  unknown_link: { reason: 'This link does not lead into the group, or not any more.', retry: false },
  overloaded: { reason: 'The server is at its limit; try again shortly.', retry: true },
  unavailable: { reason: 'The account is being moved to another server; try again shortly.', retry: true },
  internal: { reason: 'The server failed at this word; it has been noted.', retry: true },
} as const satisfies { readonly [code: string]: { readonly reason: string; readonly retry: boolean } };
export type RefusalCode = keyof typeof refusals;

/** Why an accepted message will not be delivered, for a person. */
export const failures: { readonly [code in FailedEvent['code']]: string } = {
  unknown_user: 'There is no account of this name.',
  deactivated: 'This account was deactivated.',
  expired: 'The message was not fetched within its lifetime.',
};

/** A refusal of the word named by `of`, in words from the table unless a more exact `reason` is given. */
export function refused(
  code: RefusalCode,
  of: { readonly id?: string | undefined; readonly req?: number | undefined } = {},
  more: { readonly reason?: string; readonly afterMs?: number } = {},
): Refused {
  return {
    kind: 'refused',
    ...(of.id !== undefined && { id: of.id }),
    ...(of.req !== undefined && { req: of.req }),
    code,
    reason: more.reason ?? refusals[code].reason,
    retry: refusals[code].retry,
    ...(more.afterMs !== undefined && { afterMs: more.afterMs }),
  };
}
