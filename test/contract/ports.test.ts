import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { systemClock, systemRandom, systemTimers } from '../../runtime/io/clock.ts';
import { msgpackCodec } from '../../runtime/io/codec.ts';
import { openLmdbJournal } from '../../runtime/io/lmdb-journal.ts';
import { loneNetwork } from '../../runtime/io/memory-network.ts';
import { SimClock, SimRandom, SimTime } from '../../sim/clock.ts';
import { simCodec } from '../../sim/codec.ts';
import { SimSwitchboard } from '../../sim/network.ts';
import { SimRegister } from '../../sim/ownership.ts';
import { clockContract } from './clock.ts';
import { codecContract } from './codec.ts';
import { networkContract } from './network.ts';
import { ownershipContract } from './ownership.ts';

t.test('the codec of MessagePack', (t) => {
  codecContract(t, msgpackCodec);
  t.end();
});

t.test('the simulated codec', (t) => {
  codecContract(t, simCodec);
  t.test('refuses what only the real one would take by luck', async (t) => {
    class Point {}
    const wrong = [
      new Date(0),
      new Map(),
      new Set(),
      new Point(),
      1n,
      () => 1,
      Symbol('s'),
      JSON.parse('{"__proto__":1}'),
    ];
    for (const value of wrong) t.throws(() => simCodec.pack({ value }), TypeError);
  });
  t.end();
});

t.test('the system’s clock', (t) => {
  clockContract(t, { clock: systemClock, timers: systemTimers, random: systemRandom(), pass: (ms) => sleep(ms) });
  t.end();
});

t.test('the simulated clock', (t) => {
  const random = new SimRandom(3);
  const time = new SimTime();
  const clock = new SimClock(time);
  clockContract(t, { clock, timers: clock, random, pass: (ms) => time.pass(ms) });
  t.end();
});

t.test('the simulated network', (t) => {
  networkContract(t, async () => {
    const random = new SimRandom(5);
    const time = new SimTime(random.stream('ties'));
    const board = new SimSwitchboard(time, random);
    board.faults.delayMs = [1, 20];
    return {
      join: async (node) => board.plug(node),
      settle: (promise) => time.until(promise),
      acquaint: async () => {},
      arrive: () => time.pass(1_000),
      close: async () => {},
    };
  });
  t.end();
});

t.test('the network of a lone node carries its own datagrams only', async (t) => {
  const network = loneNetwork('a');
  const heard: string[] = [];
  t.equal(await network.listens('a'), false);
  network.listen((bytes) => heard.push(Buffer.from(bytes).toString()));
  t.equal(network.connected(), true);
  t.same([await network.listens('a'), await network.listens('b')], [true, false]);
  for (const to of ['a', 'b']) network.send(to, Buffer.from(`to ${to}`));
  network.broadcast(Buffer.from('to all'));
  t.same(heard, []);
  await sleep(5);
  t.same(heard, ['to a']);
  await network.close();
  t.equal(network.connected(), false);
  t.equal(await network.listens('b'), true, 'it can’t tell');
});

t.test('ownership on LMDB', async (t) => {
  const folder = t.testdir();
  ownershipContract(t, async () => {
    const { ownership, close } = await openLmdbJournal(folder);
    return { register: ownership, other: ownership, settle: (promise) => promise, close };
  });
});

t.test('ownership simulated', (t) => {
  ownershipContract(t, async () => {
    const random = new SimRandom(9);
    const time = new SimTime(random.stream('ties'));
    const register = new SimRegister(time, random);
    return {
      register: register.connect(),
      other: register.connect(),
      settle: (promise) => time.until(promise),
      close: async () => {},
    };
  });
  t.end();
});
