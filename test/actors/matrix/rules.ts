/**
 * What must be answered, cell by cell. `ok`: carried out; the answer to a question. `same`: accepted, and it was so already. `-`: no answer, and nobody hears
 * of it. All else is the code of a refusal. Only `ok` of a deed changes anything.
 */
import type { RefusalCode } from '../../../proto/words.ts';
import type { InGroup, InTwo } from './operations.ts';

export type Expected = 'ok' | 'same' | '-' | RefusalCode;

// Short, so that a table is one.
const ok = 'ok';
const no = '-';
const nomsg = 'unknown_message';
const naa = 'not_an_admin';
const nam = 'not_a_member';

type Table<Rows extends string, Columns extends readonly string[]> = {
  readonly [row in Rows]: { readonly [column in keyof Columns]: Expected };
};

/** How the other user stands to this one. `gone`: its account is deactivated; `nobody`: there is no such account. */
export const relationsOfTwo = ['stranger', 'contact', 'blocked', 'blockedMe', 'nobody', 'gone', 'myself'] as const;

// biome-ignore format: a table
export const inTwo: Table<InTwo, typeof relationsOfTwo> = {
  //               stranger contact  blocked   blockedMe nobody  gone   myself
  send:           [ok,      ok,     'blocked', ok,       ok,     ok,   'to_self'],
  read:           [no,      ok,      ok,       ok,       no,     ok,    no],
  history:        [ok,      ok,      ok,       ok,       ok,     ok,    ok],
  typing:         [ok,      ok,      ok,       no,       no,     no,    no],
  watch:          [ok,      ok,      ok,       ok,       ok,     ok,    ok],
  profiles:       [ok,      ok,      ok,       ok,       ok,     ok,    ok],
  find:           [ok,      ok,      ok,       ok,       ok,     ok,    ok],
  search:         [ok,      ok,      ok,       ok,       ok,     ok,    ok],
  pinned:         [ok,      ok,      ok,       ok,       ok,     ok,    ok],
  reactions:      [nomsg,   ok,      ok,       ok,       nomsg,  ok,    nomsg],
  vanish:         [ok,      ok,     'blocked', ok,       ok,     ok,   'to_self'],
  'amend edit':   [nomsg,   ok,     'blocked', ok,       nomsg,  ok,    nomsg],
  'amend retract':[nomsg,   ok,     'blocked', ok,       nomsg,  ok,    nomsg],
  'amend react':  [nomsg,   ok,     'blocked', ok,       nomsg,  ok,    nomsg],
  'amend pin':    [nomsg,   ok,     'blocked', ok,       nomsg,  ok,    nomsg],
  'self block':   [ok,      ok,     'same',    ok,       ok,     ok,   'to_self'],
  'self contact': [ok,      ok,      ok,       ok,       ok,     ok,   'to_self'],
  'self star':    [nomsg,   ok,      ok,       ok,       nomsg,  ok,    nomsg],
  'self pin':     [ok,      ok,      ok,       ok,       ok,     ok,    ok],
  'self forget':  [nomsg,   ok,      ok,       ok,       nomsg,  ok,    nomsg],
  'self report':  [nomsg,   ok,      ok,       ok,       nomsg,  ok,   'to_self'],
};

/** How this user stands to the group. `hushed`: a member where only admins may send; `nowhere`: there is no such group. */
export const relationsToGroup = [
  'owner',
  'admin',
  'member',
  'hushed',
  'left',
  'removed',
  'stranger',
  'nowhere',
] as const;

// biome-ignore format: a table
export const inGroup: Table<InGroup, typeof relationsToGroup> = {
  //               owner admin member hushed               left  removed stranger nowhere
  send:           [ok,   ok,   ok,   'announcements_only', nam,  nam,    nam,     nam],
  read:           [ok,   ok,   ok,    ok,                  no,   no,     no,      no],
  history:        [ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  typing:         [ok,   ok,   ok,    ok,                  no,   no,     no,      no],
  search:         [ok,   ok,   ok,    ok,                  ok,   ok,     ok,      ok],
  pinned:         [ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  reactions:      [ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  roster:         [ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  reach:          [ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  'amend edit':   [ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  'amend retract':[ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  'amend react':  [ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  'amend pin':    [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group title':  [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group about':  [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group picture':['same','same',naa,   naa,                 nam,  nam,    nam,     nam],
  'group add':    [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group remove': [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group leave':  [ok,   ok,   ok,    ok,                  nam,  nam,    nam,     nam],
  'group role':   [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group mode':   [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group vanish': [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group link':   [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group unlink': [ok,   ok,   naa,   naa,                 nam,  nam,    nam,     nam],
  'group join':   ['same','same','same','same',            ok,   ok,     ok,     'unknown_group'],
  'self star':    [ok,   ok,   ok,    ok,                  nomsg, nomsg, nomsg,   nomsg],
  'self pin':     [ok,   ok,   ok,    ok,                  ok,   ok,     ok,      ok],
  'self forget':  [ok,   ok,   ok,    ok,                  nomsg, nomsg, nomsg,   nomsg],
  'self report':  [ok,   ok,   ok,    ok,                  nomsg, nomsg, nomsg,   nomsg],
};

/**
 * What has become of the message. `old`: of 16 minutes; `ancient`: of 3 days; `forgotten`: deleted by this user for itself; `unknown`: there is no such
 * number; `others`: of the other side than the operation is meant for.
 */
export const states = ['edited', 'retracted', 'old', 'ancient', 'vanished', 'forgotten', 'unknown', 'others'] as const;
const late = 'too_late';
const taken = 'retracted';
const nota = 'not_the_author';

export type AboutMessage = Extract<
  InTwo,
  `amend ${string}` | 'reactions' | 'self star' | 'self forget' | 'self report'
>;
export type AboutEntry = Extract<InGroup, AboutMessage | 'reach'>;

// biome-ignore format: a table
export const ofMessageInTwo: Table<AboutMessage, typeof states> = {
  //               edited retracted old  ancient vanished forgotten unknown others
  'amend edit':   [ok,    taken,   late, late,   nomsg,   nomsg,    nomsg,  nota],
  'amend retract':[ok,    'same',  ok,   late,   nomsg,   nomsg,    nomsg,  nota],
  'amend react':  [ok,    taken,   ok,   ok,     nomsg,   nomsg,    nomsg,  ok],
  'amend pin':    [ok,    taken,   ok,   ok,     nomsg,   nomsg,    nomsg,  ok],
  reactions:      [ok,    ok,      ok,   ok,     nomsg,   nomsg,    nomsg,  ok],
  'self star':    [ok,    ok,      ok,   ok,     nomsg,   nomsg,    nomsg,  ok],
  'self forget':  [ok,    ok,      ok,   ok,     nomsg,   nomsg,    nomsg,  ok],
  'self report':  [ok,    ok,      ok,   ok,     nomsg,   nomsg,    nomsg,  'to_self'],
};

// biome-ignore format: a table
export const ofMessageInGroup: Table<AboutEntry, typeof states> = {
  //               edited retracted old  ancient vanished forgotten unknown others
  'amend edit':   [ok,    taken,   late, late,   nomsg,   ok,       nomsg,  nota],
  'amend retract':[ok,    'same',  ok,   late,   nomsg,   ok,       nomsg,  ok],
  'amend react':  [ok,    taken,   ok,   ok,     nomsg,   ok,       nomsg,  ok],
  'amend pin':    [ok,    taken,   ok,   ok,     nomsg,   ok,       nomsg,  ok],
  reactions:      [ok,    ok,      ok,   ok,     nomsg,   ok,       nomsg,  ok],
  reach:          [ok,    ok,      ok,   ok,     nomsg,   ok,       nomsg,  ok],
  'self star':    [ok,    ok,      ok,   ok,     nomsg,   ok,       nomsg,  ok],
  'self forget':  [ok,    ok,      ok,   ok,     ok,      'same',   nomsg,  ok],
  'self report':  [ok,    ok,      ok,   ok,     nomsg,   nomsg,    nomsg,  'to_self'],
};

/** How a session can have ended: whatever is said in it is not carried out, and the socket closes with this code. */
export const sessions = {
  revoked: 4403,
  deactivated: 4403,
  expired: 4401,
  loggedInAnew: 4401,
} as const;
