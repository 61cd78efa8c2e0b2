/** Files as they come to be there. */
import { File, User } from '../../actors/index.ts';
import type { KeptFile } from '../../proto/file-mail.ts';
import type { FileFacts } from '../../proto/file-words.ts';
import type { Socket, World } from './harness.ts';

const day_ms = 24 * 3_600_000;

export const photo: FileFacts = {
  id: 'a'.repeat(64),
  type: 'image/jpeg',
  bytes: 1_000,
  width: 40,
  height: 30,
  preview: 'UklGRg==',
  thumb: true,
};
export const song: FileFacts = { id: 'b'.repeat(64), type: 'audio/ogg', bytes: 2_000 };

export function loginOf({ claims: { device, session } }: Socket) {
  return { device, session };
}

/** As a gateway does it when an upload is complete. */
export function upload(world: World, socket: Socket, facts: FileFacts, forMs = day_ms): KeptFile {
  const { user } = socket.claims;
  const offered = world.ask(File.ref(facts.id), { kind: 'offer', user, forMs });
  const kept =
    offered.kind === 'known'
      ? offered.file
      : world.ask(File.ref(facts.id), {
          kind: 'stored',
          user,
          forMs,
          file: { ...facts, generation: offered.generation },
        }).file;
  if (kept === undefined) throw new Error('it was not taken');
  const { generation: _, ...file } = kept;
  const told = world.ask(User.ref(user), { kind: 'uploaded', login: loginOf(socket), file, forMs });
  if (!told.ok) throw new Error(told.code);
  return kept;
}
