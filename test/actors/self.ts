/** What users do for themselves, for tests. */
import type { SelfDeed } from '../../proto/words.ts';
import { answerIn } from './groups.ts';
import type { Socket, World } from './harness.ts';

let deeds = 0;

/** Says it, and lets the world come to rest. Answers with what came for it. */
export function want(world: World, socket: Socket, deed: SelfDeed): string {
  const id = `self-${++deeds}`;
  socket.say({ kind: 'self', id, deed });
  world.settle();
  return answerIn(socket, id);
}
