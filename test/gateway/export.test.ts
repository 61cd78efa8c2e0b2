import { connect } from 'node:net';
import t from 'tap';
import { type ExportLine, RingpostClient } from '../../client/index.ts';
import { type Stage, stage, until } from './stage.ts';

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const path = '/v1/account/export';
const password = 'correct horse';

/** Pages of `size` lines, `count` of them, then the end. */
function script({ door }: Stage, count: number, size = 3, text = ''): string[] {
  const asked: string[] = [];
  door.pages = (cursor) => {
    asked.push(cursor);
    const at = Number(cursor);
    if (at === count) return { ok: true, lines: ['{"part":"end"}'], next: '' };
    const lines = Array.from({ length: size }, (_, i) => JSON.stringify({ part: 'message', n: at * size + i, text }));
    return { ok: true, lines, next: String(at + 1) };
  };
  return asked;
}

async function reader(scene: Stage): Promise<RingpostClient> {
  return RingpostClient.register({ url: scene.gateway.url, user: 'alice', password, device: 'phone' });
}

t.test('PPL15 an export comes line by line, as objects and as text', async (t) => {
  const scene = await stage(t);
  const client = await reader(scene);
  script(scene, 40, 3, 'ünï\n');
  const lines: ExportLine[] = [];
  for await (const line of client.account.export()) lines.push(line);
  t.same(
    lines.map(({ n }) => n),
    Array.from({ length: 120 }, (_, n) => n),
  );
  t.equal(lines[0]?.text, 'ünï\n');
  const texts: string[] = [];
  t.equal(await client.account.exportTo((text) => texts.push(text)), 120);
  t.equal(texts.join(''), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const raw = await fetch(scene.gateway.url + path, {
    headers: bearer(client.saved().tokens.accessToken),
  });
  t.equal(raw.headers.get('content-type'), 'application/x-ndjson; charset=utf-8');
  t.match(await raw.text(), /\n\{"part":"end"\}\n$/);
});

t.test('PPL15 A9 no more pages are asked for than are read', async (t) => {
  const scene = await stage(t);
  const client = await reader(scene);
  const asked = script(scene, 1_000, 1, 'x'.repeat(100_000));
  const lines = client.account.export();
  await lines.next();
  let before = -1;
  // What the sockets hold between them is read ahead; then it stands still.
  await until(() => {
    const stands = asked.length === before;
    before = asked.length;
    return stands;
  });
  t.ok(asked.length < 200, `${asked.length} pages of 1,000`);
  await lines.return(undefined);
  await until(() => asked.includes('over'));
  t.pass('who stops reading gives it up');
});

t.test('PPL15 an export that breaks off is not taken for whole', async (t) => {
  const scene = await stage(t);
  const client = await reader(scene);
  const asked = script(scene, 10);
  const { pages } = scene.door;
  scene.door.pages = (cursor) => (cursor === '5' ? { ok: false, code: 'deactivated' } : pages(cursor));
  await t.rejects(
    client.account.exportTo(() => {}),
    { code: 'unreachable', retry: true },
  );
  scene.door.pages = () => ({ ok: true, lines: ['{"part":"account"}'], next: '' });
  await t.rejects(
    client.account.exportTo(() => {}),
    { code: 'unreachable' },
    'its end is missing',
  );
  scene.door.pages = () => ({ ok: true, lines: ['[]'], next: '' });
  await t.rejects(
    client.account.exportTo(() => {}),
    { code: 'bad_answer' },
  );
  t.ok(asked.length > 0);
});

t.test('PPL15 a page that can not be had at once is asked for again', async (t) => {
  const scene = await stage(t);
  const client = await reader(scene);
  script(scene, 3);
  const { ask } = scene.door;
  let failures = 0;
  scene.door.ask = async (to, mail) => {
    if (mail.kind === 'export' && 'cursor' in mail && mail.cursor === '2' && failures++ < 1) {
      return { kind: 'unknown', why: 'its owner died' };
    }
    return ask(to, mail);
  };
  t.equal(await client.account.exportTo(() => {}), 9);
});

t.test('PPL15 what is refused is refused with a status', async (t) => {
  const scene = await stage(t, { exports_max: 1, export_stall_ms_max: 200 });
  const { call, door } = scene;
  const client = await reader(scene);
  t.match([(await call('GET', path)).status], [401]);
  t.match((await call('POST', path, {})).status, 405);
  door.pages = () => ({ ok: false, code: 'exporting' });
  await t.rejects(
    client.account.exportTo(() => {}),
    { code: 'exporting', retry: true, afterMs: 1_000 },
  );
  const { accessToken } = client.saved().tokens;
  const asked = script(scene, 1_000, 1, 'x'.repeat(100_000));
  const { port } = scene.gateway;
  const idle = connect(port, '127.0.0.1');
  t.teardown(() => idle.destroy());
  idle.on('error', () => {});
  idle.pause();
  idle.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${accessToken}\r\n\r\n`);
  await until(() => asked.length > 0);
  await t.rejects(
    client.account.exportTo(() => {}),
    { code: 'overloaded' },
    'of so many at a time one more',
  );
  await until(() => asked.includes('over'));
  script(scene, 1);
  t.equal(await client.account.exportTo(() => {}), 3, 'whoever does not read is let go');
});
