/** Users, as their actors tell of themselves, and what users have reported. */
import { status } from '@grpc/grpc-js';
import { isUserId } from '../proto/fields.ts';
import type { AccountRefusal, Outcome, UserProtocol } from '../proto/mail.ts';
import type { ReportsProtocol } from '../proto/report-words.ts';
import type { ActorKind, Node, Ref } from '../runtime/index.ts';
import type { Caller } from './access.ts';
import { listActors, ownerOf, through } from './actors.ts';
import { absent, Failure, invalid, replyOf } from './failures.ts';
import { shownText } from './redact.ts';
import { mayAct } from './roles.ts';
import type { Reply, ReportWords, Request, UserWords } from './words.ts';

export type Users = ActorKind<UserProtocol>;

export async function listUsers(node: Node, users: Users, request: Request<'ListUsers'>): Promise<Reply<'ListUsers'>> {
  const { prefix, limit, page } = request;
  const { actors, next } = await listActors(node, { kind: users.name, keyPrefix: prefix, limit, page });
  return { users: actors, next };
}

export async function getUser(node: Node, users: Users, { user }: Request<'GetUser'>): Promise<UserWords> {
  const ref = users.ref(userOf(user));
  const outcome = replyOf(await node.ask(ref, { kind: 'devices', session: '' }));
  const partition = node.partitionOf(ref.address);
  const where = { user, partition, node: ownerOf(node, partition) };
  if (outcome.ok) {
    const devices = outcome.devices.map(({ device, since, seen, online }) => ({ device, since, seen, online }));
    return { ...where, state: 'active', devices };
  }
  if (outcome.code === 'deactivated') return { ...where, state: 'deactivated', devices: [] };
  throw failureOf(user, outcome.code);
}

export async function revokeDevice(node: Node, users: Users, { user, device }: Request<'RevokeDevice'>): Promise<void> {
  const ref = users.ref(userOf(user));
  carriedOut(user, replyOf(await node.ask(ref, { kind: 'revoke', device })));
}

export async function deactivateUser(node: Node, users: Users, { user }: Request<'DeactivateUser'>): Promise<void> {
  carriedOut(user, replyOf(await node.ask(users.ref(userOf(user)), { kind: 'deactivate' })));
}

export function userOf(user: string): string {
  if (!isUserId(user)) throw invalid(`"${user}" is no user's name`);
  return user;
}

function carriedOut(user: string, outcome: Outcome): void {
  if (!outcome.ok) throw failureOf(user, outcome.code);
}

function failureOf(user: string, code: AccountRefusal): Failure {
  if (code === 'no_account') return absent(`there is no user ${user}`);
  if (code === 'unknown_device') return absent(`${user} has no such device`);
  return new Failure(status.FAILED_PRECONDITION, `${user}: ${code}`);
}

// ---------------------------------------------------------------- reports

export async function listReports(
  node: Node,
  reportsAt: (partition: number) => Ref<ReportsProtocol>,
  caller: Caller,
  { page, limit }: Request<'ListReports'>,
): Promise<Reply<'ListReports'>> {
  const mayRead = mayAct(caller.role, 'operator');
  const { list, next } = await through(node, { only: undefined, page, limit }, async (partition, after, most) => {
    const before = after === '' ? 0 : Number(after);
    if (!Number.isSafeInteger(before) || before < 0) throw invalid(`"${page}" is no page of this list`);
    const found = replyOf(await node.ask(reportsAt(partition), { kind: 'list', before, limit: most }));
    const reports = found.list.map(({ n, by, user, reason, text, at, message }): ReportWords => {
      const about = {
        conversation: message?.with ?? '',
        messageSeq: message?.seq ?? 0,
        messageBody: shownText(message?.body ?? '', mayRead),
      };
      return { partition, number: n, by, user, reason, text: shownText(text, mayRead), at, ...about };
    });
    return { list: reports, next: found.next === 0 ? '' : String(found.next) };
  });
  return { reports: list, next, redacted: !mayRead };
}
