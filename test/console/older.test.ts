import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { AdminClient, type AdminError } from '../../console/client.ts';
import { adminService, loadDefinition } from '../../console/definition.ts';
import { openConsole } from '../../console/server.ts';
import { frame } from '../../console/ui/frame.ts';
import { Session } from '../../console/ui/session.ts';
import { textOf } from '../../console/ui/spans.ts';
import type { MethodName, StreamName } from '../../console/words.ts';
import { run } from '../../main.ts';
import { type Stage, stage } from './stage.ts';

/**
 * What a node of an older version offers: the real service without some of its methods. The others are passed on to a node of this version, which is so
 * far the only one that there is.
 */
async function older(t: Test, { port }: Stage, lacking: readonly (MethodName | StreamName)[]): Promise<string> {
  const { service } = adminService(loadDefinition());
  const client = new AdminClient({ nodes: [`127.0.0.1:${port}`] });
  const offered: { -readonly [name in keyof ServiceDefinition]: ServiceDefinition[name] } = {};
  const served: UntypedServiceImplementation = {};
  for (const [name, definition] of Object.entries(service)) {
    if (lacking.some((one) => one === name)) continue;
    offered[name] = definition;
    served[name] = definition.responseStream
      ? (call: ServerWritableStream<object, unknown>) => void passStream(client, name as StreamName, call)
      : (call: ServerUnaryCall<object, unknown>, reply: Reply) => passCall(client, name as MethodName, call, reply);
  }
  const server = new Server();
  server.addService(offered, served);
  const at = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.teardown(() => {
    server.forceShutdown();
    client.close();
  });
  return `127.0.0.1:${at}`;
}

type Reply = (error: AdminError | null, value?: unknown) => void;

function passCall(
  client: AdminClient,
  method: MethodName,
  { request }: ServerUnaryCall<object, unknown>,
  reply: Reply,
) {
  client.call(method, request as never).then(
    (value) => reply(null, value),
    (error: AdminError) => reply(error),
  );
}

async function passStream(client: AdminClient, method: StreamName, call: ServerWritableStream<object, unknown>) {
  const left = new AbortController();
  call.on('cancelled', () => left.abort());
  try {
    for await (const item of client.stream(method, call.request as never, left.signal)) call.write(item);
  } catch {
    // It ends as it would where a node goes.
  }
  call.end();
}

/** A command as it is typed. */
async function ringpost(...args: readonly string[]): Promise<{ readonly code: number; readonly words: string }> {
  let words = '';
  const say = (text: string): void => {
    words += `${text}\n`;
  };
  const code = await run(['admin', ...args], { say, tell: say });
  return { code, words };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 1_000) throw new Error(`it did not come to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function audited(staged: Stage): Promise<number> {
  const client = new AdminClient({ nodes: [`127.0.0.1:${staged.port}`] });
  const { head } = await client.call('ListAudit', { after: 0, limit: 1 });
  client.close();
  return head;
}

t.setTimeout(60_000);

t.test('Commands say that the node is older, and nothing has changed', async (t) => {
  const staged = await stage({ access: { kind: 'open' }, tls: undefined });
  t.teardown(() => staged.close());
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-older-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const lacking = ['WatchEvents', 'WatchMail', 'Backup', 'DrainNode', 'SnapshotPartition', 'DeactivateUser'] as const;
  const at = ['--node', await older(t, staged, [...lacking, 'GetUser'])];
  const why = ['--yes', '--reason', 'a test'];
  for (const command of [
    ['events'],
    ['events', '--follow', '--json'],
    ['mail', '--seconds', '1'],
    ['backup', join(folder, 'saved'), ...why],
    ['drain', 'solo', ...why],
    ['snapshot', '1', ...why],
    ['user', 'alice'],
    ['user', 'alice', 'deactivate', ...why],
  ]) {
    const { code, words } = await ringpost(...command, ...at);
    t.equal(code, 1, command.join(' '));
    t.match(words, /The node that was asked is older than this command/, command.join(' '));
  }
  t.strictSame(readdirSync(folder), [], 'no folder is left that looks like a backup');
  t.equal(staged.node.draining, false);
  t.equal(await audited(staged), 0, 'nothing was begun');
  t.match(await ringpost('nodes', ...at), { code: 0, words: /solo +alive/ }, 'what it knows it answers');
});

t.test('The live console reads from the answers of an older node what has happened', async (t) => {
  const staged = await stage({ access: { kind: 'open' }, tls: undefined });
  t.teardown(() => staged.close());
  const at = await older(t, staged, ['WatchEvents', 'WatchMail', 'DrainNode', 'TraceMessage']);
  const session = new Session(
    [at],
    (address) => new AdminClient({ nodes: [address] }),
    () => {},
  );
  t.teardown(() => session.close());
  session.start();
  const screen = (): string => {
    const terminal = { columns: 100, rows: 30, isUtf8: true, hasColors: false };
    return frame(session.state, terminal, Date.now()).map(textOf).join('\n');
  };
  const type = (text: string): void => {
    for (const one of text) session.press({ name: 'text', text: one });
  };
  await until('an answer', () => session.state.address !== undefined);
  session.press({ name: 'text', text: 'm' });
  await until('the mail is refused', () => screen().includes('is older than this console and does not know how'));
  t.match(screen(), /MAIL/);
  session.press({ name: 'esc' });
  type('t');
  type('alice');
  session.press({ name: 'enter' });
  type('some-id');
  session.press({ name: 'enter' });
  await until('the trace is refused', () => screen().includes('is older than this console'));
  session.press({ name: 'esc' });
  type('D');
  type('solo');
  session.press({ name: 'enter' });
  type('a test');
  session.press({ name: 'enter' });
  await until('the drain is refused', () => /drain solo: that node is older than this console/.test(screen()));
  t.equal(staged.node.draining, false);
  t.equal(await audited(staged), 0);
  void staged.node.drain();
  await until('what it sees is told', () => session.state.events.some(({ words }) => words === 'node solo drains'));
  t.equal(session.state.isTold, false);
});

t.test('Against a node of this version the same is told by it', async (t) => {
  const staged = await stage({ access: { kind: 'open' }, tls: undefined });
  t.teardown(() => staged.close());
  const session = new Session(
    [`127.0.0.1:${staged.port}`],
    (address) => new AdminClient({ nodes: [address] }),
    () => {},
  );
  t.teardown(() => session.close());
  session.start();
  await until('it tells', () => session.state.isTold && session.state.address !== undefined);
  void staged.node.drain();
  const drains = (): number => session.state.events.filter(({ words }) => words === 'node solo drains').length;
  await until('the drain is told', () => drains() > 0);
  t.equal(drains(), 1, 'once');
  session.press({ name: 'text', text: 'm' });
  await until('the mail comes', () => session.state.mail.mails.length > 0 || session.state.mail.trouble !== '');
  t.equal(session.state.mail.trouble, '');
});

t.test('A node that does not know a question has not done what it asks', async (t) => {
  const staged = await stage({ access: { kind: 'open' }, tls: undefined });
  t.teardown(() => staged.close());
  const { node } = staged;
  // To this node, one of another version's questions is what one of its own is to an older one.
  const inspect = node.inspect.bind(node);
  const kinds = {
    user: { name: 'user' } as never,
    group: { name: 'group' } as never,
    audit: { address: 'audit/log' },
    reportsAt: () => ({ address: 'x/y' }),
  };
  const asking = Object.create(node, {
    node: { value: node.node },
    members: { get: () => node.members },
    lost: { get: () => node.lost },
    view: { get: () => node.view },
    ask: { value: node.ask.bind(node) },
    inspect: {
      value: (question: { kind: string }, ...rest: never[]) =>
        inspect(
          (question.kind === 'snapshot'
            ? { ...question, kind: 'snapshotOfTomorrow', partition: undefined }
            : question) as never,
          ...rest,
        ),
    },
  }) as typeof node;
  const log = { info() {}, warn() {}, error() {} };
  const opened = await openConsole({
    ...{ node: asking, log, kinds, host: '127.0.0.1', port: 0, serving: () => true, reflection: false },
    ...{ access: { kind: 'open' }, tls: undefined, backup: { kind: 'none', why: 'no' } },
  });
  t.teardown(() => opened.close());
  const at = ['--node', `127.0.0.1:${opened.port}`];
  const refused = await ringpost('snapshot', '1', '--reason', 'a test', ...at);
  t.match(refused, {
    code: 1,
    words: /older than this command: node solo is older .*snapshotOfTomorrow.*nothing was done/,
  });
  const log2 = await ringpost('audit', 'list', ...at);
  t.match(log2.words, /UNIMPLEMENTED: node solo is older/);
});
