import { spawn } from 'node:child_process';
import t from 'tap';

/** As a person starts it: what the test runner loads into its children, the watchdog would wait for. */
const node = ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e'];
const module = new URL('../../commands/watchdog.js', import.meta.url).href;

/** Runs a program with a watchdog of 400 ms; how it ended, and what it said. */
function run(
  program: string,
): Promise<{ readonly code: number | null; readonly signal: string | null; readonly said: string }> {
  const source = `import { startWatchdog } from '${module}'; const watchdog = startWatchdog(400); ${program}`;
  const child = spawn('env', [...node, source], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (part) => {
    said += String(part);
  });
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, said }));
  });
}

t.test('a process whose event loop stands still for ever is ended, in words', async (t) => {
  const { signal, said } = await run('setTimeout(() => { for (;;); }, 1_500);');
  t.equal(signal, 'SIGABRT');
  t.match(said, /stood still for 400 ms/);
});

t.test('one that works on is left alone, and one that is done ends', async (t) => {
  const busy =
    'const end = Date.now() + 1500; const work = () => { if (Date.now() < end) setTimeout(work, 50); }; work();';
  t.match(await run(busy), { code: 0, signal: null, said: '' });
  t.match(await run('watchdog.stop();'), { code: 0, signal: null, said: '' });
});

t.test('time in which the whole process was paused does not count', async (t) => {
  const source = `import { startWatchdog } from '${module}'; startWatchdog(400); setTimeout(() => process.exit(0), 1_500);`;
  const child = spawn('env', [...node, source], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve([code, signal])));
  await new Promise((resolve) => setTimeout(resolve, 700));
  child.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  child.kill('SIGCONT');
  t.strictSame(await ended, [0, null]);
});
