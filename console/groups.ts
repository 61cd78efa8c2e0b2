/** Groups, as their actors tell of themselves. */
import { isGroupId } from '../proto/fields.ts';
import type { GroupProtocol } from '../proto/group-mail.ts';
import type { ActorKind, Node } from '../runtime/index.ts';
import type { Caller } from './access.ts';
import { listActors, ownerOf } from './actors.ts';
import { absent, invalid, replyOf } from './failures.ts';
import { shownText } from './redact.ts';
import { mayAct } from './roles.ts';
import type { GroupWords, Reply, Request } from './words.ts';

export type Groups = ActorKind<GroupProtocol>;

/** Ids begin with `#`, which shells take for a comment: it may be left out. */
function withMark(id: string): string {
  return id === '' || id.startsWith('#') ? id : `#${id}`;
}

export async function listGroups(
  node: Node,
  groups: Groups,
  { prefix, limit, page }: Request<'ListGroups'>,
): Promise<Reply<'ListGroups'>> {
  const asked = { kind: groups.name, keyPrefix: withMark(prefix), limit, page };
  const { actors, next } = await listActors(node, asked);
  return { groups: actors, next };
}

export async function getGroup(
  node: Node,
  groups: Groups,
  caller: Caller,
  request: Request<'GetGroup'>,
): Promise<GroupWords> {
  const id = withMark(request.group);
  if (!isGroupId(id)) throw invalid(`"${request.group}" is no group's id`);
  const ref = groups.ref(id);
  const found = replyOf(await node.ask(ref, { kind: 'summary' }));
  if (found === null) throw absent(`there is no group ${id}`);
  const mayRead = mayAct(caller.role, 'admin');
  const { title, about, roles, owners, vanishMs, ...rest } = found;
  const partition = node.partitionOf(ref.address);
  return {
    ...{ group: id, partition, node: ownerOf(node, partition) },
    ...{ title: shownText(title, mayRead), about: shownText(about, mayRead), redacted: !mayRead },
    ...{ members: roles.owner + roles.admin + roles.member, roles, owners, vanishAfterMs: vanishMs, ...rest },
  };
}
