import fc from 'fast-check';
import t from 'tap';
import { affinityOf, murmur3, partitionOf } from '../../runtime/hash.ts';

t.test('§1: the hash is MurmurHash3 x86 32', async (t) => {
  // From the reference implementation, as published by several ports of it.
  const vectors: [string, number, number][] = [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['aa', 0x9747b28c, 0x5d211726],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['abcd', 0x9747b28c, 0xf0478627],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ];
  for (const [text, seed, hash] of vectors) t.equal(murmur3(text, seed), hash, JSON.stringify(text));
});

t.test('§1: an actor’s partition never changes', async (t) => {
  // A change of these moves every actor of every cluster away from its state.
  t.strictSame(
    ['user/alice', 'user/bob', 'group/42', 'connection/alice/phone', 'counter/c1'].map((a) => partitionOf(a, 32)),
    [9, 21, 23, 9, 4],
  );
});

t.test('§1: the affinity is the key up to its first slash, whatever the kind', async (t) => {
  t.equal(affinityOf('user/alice'), 'alice');
  t.equal(affinityOf('connection/alice/n1.7/x'), 'alice');
  const word = fc.stringMatching(/^[a-z0-9.-]{1,20}$/);
  fc.assert(
    fc.property(word, word, word, (user, device, more) => {
      const home = partitionOf(`user/${user}`, 64);
      return (
        partitionOf(`connection/${user}/${device}`, 64) === home &&
        partitionOf(`x/${user}/${device}/${more}`, 64) === home
      );
    }),
  );
});

t.test('§1: partitions split in halves when their number doubles', async () => {
  fc.assert(
    fc.property(fc.string(), (key) => {
      // Those name a partition, whatever there are.
      fc.pre(!/^@\d{1,9}(\/|$)/.test(key));
      const address = `user/${key}`;
      return Math.floor(partitionOf(address, 64) / 2) === partitionOf(address, 32);
    }),
  );
});

t.test('§1: actors spread evenly over the partitions', async (t) => {
  const counts = Array.from({ length: 32 }, () => 0);
  const actors = 64_000;
  for (let i = 0; i < actors; i++) {
    const id = partitionOf(`user/u${i}`, 32);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  const mean = actors / 32;
  // Five standard deviations of a fair throw.
  const most = 5 * Math.sqrt(mean);
  for (const [id, count] of counts.entries()) t.ok(Math.abs(count - mean) < most, `partition ${id} has ${count}`);
});
