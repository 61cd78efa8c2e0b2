import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { parseTokens } from '../../console/access.ts';
import { mayAct, type Role, roleNeeded } from '../../console/roles.ts';
import { methods, type Stage, stage, statusOf } from './stage.ts';

const roles: readonly Role[] = ['viewer', 'operator', 'admin'];
const token = (who: string): string => `${who}-token-of-this-very-test`;
const shut = ['UNAUTHENTICATED', 'PERMISSION_DENIED'];

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-access-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Only who is asked for nothing gets in with nothing, and each role as far as the table says. */
async function walk(
  t: Test,
  { node }: Stage,
  call: (method: (typeof methods)[number], as: Role | '') => Promise<string>,
) {
  for (const method of methods) {
    const needed = roleNeeded(method.path);
    t.not(needed, undefined, `${method.path} is in the table`);
    if (needed === undefined) continue;
    const nobody = await call(method, '');
    t.equal(
      shut.includes(nobody) || nobody === 'UNAVAILABLE',
      needed !== 'anyone',
      `${method.path}: ${nobody} for nobody`,
    );
    for (const role of roles) {
      const ended = await call(method, role);
      if (mayAct(role, needed)) t.notOk(shut.includes(ended), `${method.path}: ${ended} for ${role}`);
      else t.equal(ended, 'PERMISSION_DENIED', `${method.path} for ${role}`);
    }
  }
  t.equal(node.draining, false);
}

t.test('Every method with no token, and with each role', async (t) => {
  const file = join(folderOf(t), 'tokens');
  writeFileSync(file, roles.map((role) => `${role} ${role} ${token(role)}`).join('\n'));
  const staged = await stage({ access: { kind: 'tokens', file }, tls: undefined });
  t.teardown(() => staged.close());
  t.ok(methods.length > 20);
  await walk(t, staged, (method, as) => statusOf(staged.port, method, as === '' ? {} : { token: token(as) }));
  const [method] = methods;
  if (method === undefined) return;
  t.equal(await statusOf(staged.port, method, { token: `${token('admin')}x` }), 'UNAUTHENTICATED');
  t.equal(await statusOf(staged.port, method, { token: '' }), 'UNAUTHENTICATED');
});

t.test('A token that is taken out of the file is good no longer', async (t) => {
  const file = join(folderOf(t), 'tokens');
  writeFileSync(file, `one viewer ${token('one')}\n`);
  const staged = await stage({ access: { kind: 'tokens', file }, tls: undefined });
  t.teardown(() => staged.close());
  const method = methods.find(({ path }) => path.endsWith('/ListNodes'));
  if (method === undefined) throw new Error('no such method');
  t.equal(await statusOf(staged.port, method, { token: token('one') }), 'OK');
  writeFileSync(file, `# nobody any more\n\nother viewer ${token('other')}\n`);
  let ended = 'OK';
  for (let tries = 0; ended === 'OK' && tries < 50; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    ended = await statusOf(staged.port, method, { token: token('one') });
  }
  t.equal(ended, 'UNAUTHENTICATED');
  t.equal(await statusOf(staged.port, method, { token: token('other') }), 'OK');
});

t.test('Every method with no certificate, with one of a stranger, and with each role', async (t) => {
  const folder = folderOf(t);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const authority = (name: string): void =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
    );
  const certificate = (name: string, subject: string, ca: string): void => {
    writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost');
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      subject,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${ca}.pem`,
      '-CAkey',
      `${ca}.key`,
      '-CAcreateserial',
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-extfile',
      'names',
    );
  };
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  authority('ours');
  authority('theirs');
  certificate('server', '/CN=localhost', 'ours');
  for (const role of roles) certificate(role, `/OU=${role}/CN=of-${role}`, 'ours');
  certificate('plain', '/CN=plain', 'ours');
  certificate('king', '/OU=king/CN=king', 'ours');
  certificate('stranger', '/OU=admin/CN=stranger', 'theirs');
  const staged = await stage({
    access: { kind: 'certificates' },
    tls: { ca: read('ours.pem'), cert: read('server.pem'), key: read('server.key') },
  });
  t.teardown(() => staged.close());
  const channel = (name: string) =>
    name === ''
      ? credentials.createSsl(read('ours.pem'))
      : credentials.createSsl(read('ours.pem'), read(`${name}.key`), read(`${name}.pem`));
  const call = (method: (typeof methods)[number], as: string) =>
    statusOf(staged.port, method, { channel: channel(as) });
  // Without a certificate there is not even a connection, health included.
  await walk(t, staged, async (method, as) =>
    as === '' && roleNeeded(method.path) === 'anyone' ? 'OK' : call(method, as),
  );
  const [list, drain] = ['/ListNodes', '/DrainNode'].map((name) => methods.find(({ path }) => path.endsWith(name)));
  if (list === undefined || drain === undefined) throw new Error('no such method');
  t.equal(await call(list, 'stranger'), 'UNAVAILABLE');
  t.equal(await call(list, 'plain'), 'OK', 'a certificate without a role may look');
  t.equal(await call(drain, 'plain'), 'PERMISSION_DENIED');
  t.equal(await call(list, 'king'), 'UNAUTHENTICATED', 'one with a role that there is not may nothing');
});

t.test('A file of tokens that makes no sense is refused, with the line', async (t) => {
  t.throws(
    () => parseTokens(`alice admin ${token('alice')}\nbob king ${token('bob')}`),
    /line 2 .* viewer, operator or admin/,
  );
  t.throws(() => parseTokens('alice admin short'), /line 1 .* at least 24/);
  t.throws(() => parseTokens(`alice admin ${token('a')} more`), /line 1/);
  t.strictSame(parseTokens('# a comment\n\n'), []);
});
