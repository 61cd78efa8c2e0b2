import type { Test } from 'tap';
import type { RingpostClient } from '../../client/index.ts';
import { pause, until } from './cluster.ts';

/** A device that confirms nothing: the server stops at its window, serves everybody else, and goes on when the device does. */
export async function slowReader(
  t: Test,
  signInAs: (user: string, options: { autoReceived: boolean }) => Promise<RingpostClient>,
): Promise<void> {
  const [writer, slow, other] = await Promise.all(
    ['writer', 'slow', 'other'].map((user) => signInAs(user, { autoReceived: user !== 'slow' })),
  );
  if (writer === undefined || slow === undefined || other === undefined) throw new Error('three clients');
  t.teardown(() => Promise.all([writer.close(), slow.close(), other.close()]));
  const seen: string[] = [];
  const otherSeen: string[] = [];
  slow.on('message', (message) => void seen.push(message.body));
  other.on('message', (message) => void otherSeen.push(message.body));
  await Promise.all([writer.connect(), slow.connect(), other.connect()]);
  const bodies = Array.from({ length: 1_500 }, (_, i) => `line ${i}`);
  let last: Promise<unknown> = Promise.resolve();
  for (const body of bodies) {
    last = writer.send('slow', body).accepted;
    if (seen.length % 64 === 0) await last;
  }
  await last;
  await writer.send('other', 'are you served?').accepted;
  await until('the other is served', () => otherSeen.length === 1);
  await pause(300);
  t.ok(seen.length < bodies.length, `the server stopped at its window (${seen.length})`);
  for (let upTo = 0; upTo < bodies.length; upTo = seen.length) {
    slow.received(seen.length);
    const before = seen.length;
    if (before < bodies.length) await until('more comes', () => seen.length > before);
  }
  t.same(seen, bodies);
}
