import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { isPublic, Outward } from '../../gateway/outward.ts';

t.test('which addresses a user may choose', async (t) => {
  const outward = new Outward({ privateTargets: false, waitMs: 1_000 });
  for (const url of ['https://example.org/hook?x=1', 'https://1.1.1.1/', 'https://[2606:4700::1]:8443/a']) {
    t.ok(outward.allows(url), url);
  }
  for (const url of [
    'http://example.org/',
    'ftp://example.org/',
    'https://user:pw@example.org/',
    'https://127.0.0.1/',
    'https://10.1.2.3/',
    'https://169.254.169.254/latest',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[fd00::1]/',
    'https://[64:ff9b::7f00:1]/',
    'file:///etc/passwd',
    'nonsense',
    '',
    `https://example.org/${'x'.repeat(1_024)}`,
  ]) {
    t.notOk(outward.allows(url), url);
  }
  const lax = new Outward({ privateTargets: true, waitMs: 1_000 });
  t.ok(lax.allows('http://127.0.0.1:8080/'));
  t.notOk(lax.allows('file:///etc/passwd'));
});

t.test('addresses of the internet at large', async (t) => {
  for (const address of ['8.8.8.8', '172.32.0.1', '2a00:1450::1']) t.ok(isPublic(address), address);
  for (const address of [
    '0.0.0.0',
    '172.31.255.255',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    '2002::1',
    '2001:db8::1',
    'x',
  ]) {
    t.notOk(isPublic(address), address);
  }
});

t.test('a name that leads to this machine is noticed when it is resolved', async (t) => {
  const strict = new Outward({ privateTargets: false, waitMs: 5_000 });
  await t.rejects(strict.post('https://localhost:1/', {}, ''), { code: 'EACCES' });
  await t.rejects(strict.post('https://127.0.0.1:1/', {}, ''), { message: /may not be called/ });
});

t.test('the answer’s status and wait; redirects are not followed, silence ends', async (t) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.url === '/redirect') response.writeHead(302, { location: '/elsewhere' }).end();
    else if (request.url === '/wait') response.writeHead(503, { 'retry-after': '7' }).end('x'.repeat(1e6));
    else if (request.url !== '/silent') response.writeHead(200).end();
  });
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const outward = new Outward({ privateTargets: true, waitMs: 300 });
  t.strictSame(await outward.post(`${at}/`, {}, 'body'), { status: 200, retryMs: 0 });
  t.strictSame(await outward.post(`${at}/wait`, {}, Buffer.from('body')), { status: 503, retryMs: 7_000 });
  t.match(await outward.post(`${at}/redirect`, {}, ''), { status: 302 });
  await t.rejects(outward.post(`${at}/silent`, {}, ''), { message: 'no answer in time' });
  t.strictSame(asked, ['POST /', 'POST /wait', 'POST /redirect', 'POST /silent']);
});
