import t from 'tap';
import { untilStopped } from '../../commands/lifetime.ts';

t.test(
  'what can’t go on says why, is closed in good order, and ends with a code that a supervisor notices',
  async (t) => {
    const told: string[] = [];
    const code = await untilStopped(
      async () => void told.push('closed'),
      (line) => void told.push(line),
      Promise.resolve('the local store is lost'),
    );
    t.strictSame([code, told], [70, ['the local store is lost', 'Stopping.', 'closed']]);
  },
);

t.test('a signal that asks to stop is no fault', async (t) => {
  const told: string[] = [];
  const ended = untilStopped(
    async () => void told.push('closed'),
    (line) => void told.push(line),
  );
  // Waiting for a signal keeps no process alive.
  const alive = setTimeout(() => {}, 10_000);
  process.kill(process.pid, 'SIGTERM');
  t.strictSame([await ended, told], [0, ['Stopping.', 'closed']]);
  clearTimeout(alive);
});
