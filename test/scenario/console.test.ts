import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort } from '../../scripts/free-ports.ts';
import { startOperated, token } from './operator.ts';
import { talk } from './pairs.ts';
import { TerminalUnderTest } from './tmux.ts';

const launcher = fileURLToPath(new URL('../../../bin/ringpost.js', import.meta.url));

const esc = String.fromCharCode(27);
const green = new RegExp(`${esc}\\[32m`);
const anyColor = new RegExp(`${esc}\\[(3[0-7]|9[0-7])m`);

let terminals = 0;

function open(t: Test, nodes: readonly string[], env = '', columns = 80, rows = 24): TerminalUnderTest {
  // The library shows its last picture only where it thinks that nobody watches: with CI in the environment.
  const without = ['CI', 'CONTINUOUS_INTEGRATION', 'NO_COLOR', 'FORCE_COLOR'].map((name) => `-u ${name}`);
  const words = ['env', ...without, 'LC_ALL=C.UTF-8', `RINGPOST_ADMIN_TOKEN=${token('operator')}`, env];
  const command = [...words, process.execPath, launcher, 'admin'];
  const socket = `ringpost-console-${process.pid}-${++terminals}`;
  const terminal = new TerminalUnderTest(socket, [...command, '--node', nodes.join(',')].join(' '), columns, rows);
  t.teardown(() => terminal.close());
  return terminal;
}

/** Types the name and the reason that a change wants. */
async function confirm(terminal: TerminalUnderTest, key: string, name: string): Promise<void> {
  terminal.type(key);
  await terminal.until(/to confirm:/);
  terminal.type(name);
  terminal.key('Enter');
  await terminal.until(/audit log: _/);
  terminal.type('a scenario tries it');
  terminal.key('Enter');
}

t.setTimeout(280_000);
t.test('the console of three nodes, in a real terminal', async (t) => {
  const { cluster, at } = await startOperated(t);
  const [n1, n2, n3] = at;

  await t.test('All at a glance, at 80 by 24 and larger, with and without colours', async (t) => {
    const terminal = open(t, [n1]);
    await terminal.until(/^no alarms/m, 60_000);
    const screen = await terminal.until(/turns\/s +[\d.k]+ /);
    t.match(screen, /3 nodes, 32 partitions/);
    for (const name of ['n1', 'n2', 'n3']) t.match(screen, new RegExp(`${name} +ALIVE `));
    t.match(screen, /^ +0 [123] [123] /m, 'a mark for the owner of each partition');
    t.match(screen, /[▁▂▃▄▅▆▇█]/);
    t.match(screen, /connected to n1/);
    t.match(screen, /\? help {2}q quit/);
    t.match(terminal.painted(), green, 'green is what is alive');
    terminal.resize(120, 40);
    t.notMatch(screen, /t trace {2}u audit$/m, 'no room for all keys');
    await terminal.until(/t trace {2}u audit {2}m mail$/m);
    terminal.type('q');
    t.match(await terminal.until(/ended with/), /ended with 0/);
    t.notMatch(terminal.screen(), /PARTITIONS/, 'the screen from before is back');

    const plain = open(t, [n1], 'NO_COLOR=1 LC_ALL=C', 132, 43);
    t.notMatch(await plain.until(/no alarms[\s\S]*records\/s +[\d.k]+ /), /[^\x20-\x7e\n]/);
    t.notMatch(plain.painted(), anyColor);
    plain.key('C-c');
    t.match(await plain.until(/ended with/), /ended with 0/);
  });

  await t.test(
    'It can be steered: into a node, a partition, an actor, a message; and what is not there is said',
    async (t) => {
      const [alice, bob] = [await cluster.client('alice'), await cluster.client('bob')];
      await Promise.all([alice.connect(), bob.connect()]);
      const sent = alice.send('bob', 'canary words of the test');
      await sent.accepted;
      const terminal = open(t, [n1], '', 100, 30);
      await terminal.until(/no alarms/);
      terminal.key('Down');
      terminal.key('Enter');
      await terminal.until(/NODE n2[\s\S]*since its start/);
      terminal.key('Enter');
      await terminal.until(/^PARTITION \d+[\s\S]*CHANNEL/m);
      await confirm(terminal, 'S', /PARTITION (\d+)/.exec(terminal.screen())?.[1] ?? '');
      await terminal.until(/snapshot of partition \d+: done \(entry \d+ of the audit log\)/);
      terminal.type('M');
      await terminal.until(/To which node: _/);
      terminal.type('n3');
      terminal.key('Enter');
      await terminal.until(/audit log: _/);
      terminal.type('a scenario moves it');
      terminal.key('Enter');
      await terminal.until(/move of partition \d+ to n3: begun/);
      await terminal.until(/pinned to n3 by an operator: and there it is/, 60_000);
      terminal.type('p');
      await terminal.until(/STATE PIN[\s\S]*n3\n/);
      await confirm(terminal, 'B', 'rebalance');
      await terminal.until(/rebalance: begun/);
      terminal.type('e');
      await terminal.until(
        /partition \d+ moved n3 → n2[\s\S]*partition \d+ moved n2 → n3[\s\S]*partition \d+ pinned to n3/,
        60_000,
      );
      terminal.type('a');
      await terminal.until(/such as user\/alice/);
      terminal.type('user/alice');
      terminal.key('Enter');
      await terminal.until(/ACTOR user\/alice[\s\S]*awake/);
      terminal.type('t');
      await terminal.until(/Who sent it: _/);
      terminal.type('alice');
      terminal.key('Enter');
      await terminal.until(/Its id.*_/);
      terminal.type(sent.id);
      terminal.key('Enter');
      t.notMatch(await terminal.until(/accepted .*user\/alice/), /canary/);
      terminal.type('u');
      await terminal.until(/operator +SnapshotPartition .*a scenario tr/);
      terminal.type('a');
      await terminal.until(/such as user\/alice/);
      terminal.type('user/nobody-of-that-name');
      terminal.key('Enter');
      await terminal.until(/ACTOR user\/nobody-of-that-name\n.*no/);
      terminal.key('Escape');
      await terminal.until(/^AUDIT/m);
    },
  );

  await t.test('A node is drained from the console while clients send: none of them notices', async (t) => {
    const talking = await talk((user) => cluster.client(user), 'console', 6, 40);
    const terminal = open(t, [n1]);
    await terminal.until(/no alarms/);
    terminal.type('m');
    const mail = await terminal.until(/MAIL, some of it[\s\S]*n[123] +\d+ +[\d.k]+ +[\d.k]+ \w+ +user\/</);
    t.match(mail, /names are redacted/);
    t.notMatch(mail, /console-(from|to)-/, 'nor are there bodies');
    terminal.key('Escape');
    await terminal.until(/no alarms/);
    terminal.key('Down');
    await confirm(terminal, 'D', 'n2');
    await terminal.until(/drain n2: begun/);
    await terminal.until(/n2 +DRAINED/, 60_000);
    await terminal.until(/node n2 is empty|moved n2 → /);
    await confirm(terminal, 'R', 'n2');
    await terminal.until(/no alarms[\s\S]*n2 +ALIVE +[1-9]/, 60_000);
    await talking.end(t);
    for (const { troubles } of talking.pairs) t.strictSame(troubles, [], 'no send has failed');
  });

  await t.test('A node is killed, then the one that answers', async (t) => {
    const terminal = open(t, [n1, n3]);
    await terminal.until(/from n1 at [\s\S]*n2 +ALIVE/);
    await cluster.nodes[1]?.signal('SIGKILL');
    await terminal.until(/! +node n2 lost/, 30_000);
    t.match(await terminal.until(/n2 +LOST/), /^! node n2 is lost/m, 'an alarm');
    await terminal.until(/partitions? [\d -]+ moved n2 → n[13], for it had failed/, 30_000);
    await cluster.nodes[0]?.signal('SIGKILL');
    await terminal.until(/from n3 at /, 30_000);
    terminal.type('e');
    await terminal.until(/n1 at .* does not answer any more/);
    await cluster.nodes[0]?.start();
    await cluster.nodes[1]?.start();
    terminal.key('Escape');
    await terminal.until(/^no alarms/m, 60_000);
    process.kill(terminal.pid, 'SIGTERM');
    await terminal.until(/ended with 143/);
  });

  await t.test('Without a terminal, without a node, without a token it says so', async (t) => {
    const piped = spawnSync(process.execPath, [launcher, 'admin', '--node', n1], { encoding: 'utf8' });
    t.equal(piped.status, 2);
    t.match(piped.stderr, /needs a terminal.*ringpost admin nodes/);
    const lost = open(t, [`127.0.0.1:${await freePort()}`]);
    await lost.until(/can not be reached/);
    const stranger = open(t, [n2], 'RINGPOST_ADMIN_TOKEN=x');
    await stranger.until(/does not know who you are/);
  });
});
