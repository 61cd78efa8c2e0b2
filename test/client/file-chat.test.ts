import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runChat } from '../../client/chat/index.ts';
import { photo } from '../gateway/media/pictures.ts';
import { stage } from '../gateway/media/stage.ts';
import { until } from './scripted-client.ts';
import { pipeIo } from './virtual-terminal.ts';

t.test('a file is sent from one terminal and kept by the other', async (t) => {
  const { url, folder } = await stage(t);
  const home = join(folder, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'notes.txt'), 'remember the milk');
  writeFileSync(join(home, 'beach.jpg'), await photo());
  const start = (...argv: string[]) => {
    const io = pipeIo({ RINGPOST_HOME: home, RINGPOST_URL: url });
    const code = runChat(argv, io);
    const sees = (line: RegExp) =>
      until(() => [...io.stdout.lines, ...io.stderr.lines].some((text) => line.test(text)));
    const end = () => {
      io.stdin.end();
      return code;
    };
    return { sees, type: (line: string) => io.stdin.type(`${line}\n`), end };
  };
  const bob = start('bob');
  await bob.sees(/an account was made/);
  const alice = start('alice', '--to', 'bob');
  await alice.sees(/bob: online/);
  bob.type('/save');
  await bob.sees(/Nobody has sent a file here yet/);
  alice.type('/file');
  await alice.sees(/Which file/);
  alice.type(`/file ${join(home, 'nothing.txt')}`);
  await alice.sees(/There is no file/);
  alice.type(`/file ${join(home, 'notes.txt')}`);
  await alice.sees(/^✓✓ read by bob: \[file notes.txt, 17 bytes\]$/);
  await bob.sees(/^alice: \[file notes.txt, 17 bytes\]$/);
  bob.type(`/save ${join(home, 'copy.txt')}`);
  await bob.sees(/Kept as .*copy.txt/);
  t.equal(readFileSync(join(home, 'copy.txt'), 'utf8'), 'remember the milk');
  bob.type(`/save ${join(home, 'notes.txt')}`);
  await bob.sees(/notes.txt is there already/);
  alice.type(`/file ${join(home, 'beach.jpg')}`);
  await bob.sees(/^alice: \[image beach.jpg, 600 × 400, \d+ kB\]$/);
  writeFileSync(join(home, 'bad.jpg'), (await photo()).subarray(0, 300));
  alice.type(`/file ${join(home, 'bad.jpg')}`);
  await alice.sees(/The file says that it is an image, and is none/);
  bob.type('/history');
  t.equal(await bob.end(), 0);
  t.equal(await alice.end(), 0);
});
