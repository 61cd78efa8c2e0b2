import t from 'tap';
import { AckSieve } from '../../chaos/faults/ack-sieve.ts';

function message(subject: string, payload: string): string {
  return `MSG ${subject} 1 ${payload.length}\r\n${payload}\r\n`;
}

function withHeaders(subject: string, headers: string, payload: string): string {
  return `HMSG ${subject} 2 ${headers.length} ${headers.length + payload.length}\r\n${headers}${payload}\r\n`;
}

const ack = message('_INBOX.a.1', '{"stream":"RP_ringpost_JOURNAL","seq":17}');
const ackWithHeaders = withHeaders('_INBOX.a.2', 'NATS/1.0\r\nA: b\r\n\r\n', '{"stream":"S", "seq":18,"batch":"x"}');
const others = [
  'PING\r\n',
  message('rp.ringpost.n.n1', 'a datagram\r\nMSG with a line that looks like one'),
  message('_INBOX.a.3', '{"type":"io.nats.jetstream.api.v1.stream_info_response","stream":"S","seq":1}'),
  '+OK\r\n',
];
const all = [others[0], ack, others[1], others[2], ackWithHeaders, others[3]].join('');

t.test('acknowledgements stay behind, all else goes through as it is', async (t) => {
  const { passed, swallowed } = new AckSieve().pass(Buffer.from(all), true);
  t.equal(passed.toString(), others.join(''));
  t.equal(swallowed, 2);
});

t.test('so it is wherever the bytes are cut', async (t) => {
  for (let at = 1; at < all.length; at++) {
    const sieve = new AckSieve();
    const parts = [all.slice(0, at), all.slice(at)].map((part) => sieve.pass(Buffer.from(part), true));
    const passed = parts.map((part) => part.passed.toString()).join('');
    if (passed !== others.join('')) t.fail(`cut at ${at}: ${passed}`);
  }
  t.pass(`${all.length - 1} cuts`);
});

t.test('when it swallows nothing, everything goes through', async (t) => {
  const { passed, swallowed } = new AckSieve().pass(Buffer.from(all), false);
  t.equal(passed.toString(), all);
  t.equal(swallowed, 0);
});
