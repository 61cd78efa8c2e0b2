import t from 'tap';
import type { Privacy, SelfDeed } from '../../proto/words.ts';
import { answerIn, eventsOf, makeGroup, people } from './groups.ts';
import { messenger, type Socket, type World } from './harness.ts';

let deeds = 0;

function want(world: World, socket: Socket, deed: SelfDeed): string {
  const id = `own-${++deeds}`;
  socket.say({ kind: 'self', id, deed });
  world.settle();
  return answerIn(socket, id);
}

const open: Partial<Privacy> = { seen: 'everyone', receipts: true, invites: 'everyone' };

t.test('SLF4 SLF5 SLF6 presence is shown to whom the user lets see it, and what is hidden is not seen', async (t) => {
  const world = messenger();
  const { alice, bob, carol } = people(world, 'alice', 'bob', 'carol') as { [name: string]: Socket } & {
    readonly [name in 'alice' | 'bob' | 'carol']: Socket;
  };
  const sees = (watcher: Socket, user: string): boolean => {
    watcher.say({ kind: 'watch', users: [] });
    watcher.say({ kind: 'watch', users: [user] });
    world.settle();
    const { online, lastSeen } = watcher.last('presence');
    return online || lastSeen > 0;
  };
  t.ok(sees(bob, 'alice'));
  want(world, alice, { what: 'contact', user: 'bob', name: 'Bobby', on: true });
  want(world, alice, { what: 'privacy', ...open, seen: 'contacts' });
  t.ok(sees(bob, 'alice'), 'a contact');
  t.notOk(sees(carol, 'alice'), 'nobody else');
  t.notOk(sees(alice, 'carol'), 'and not the other way round');
  t.ok(sees(alice, 'bob'));
  want(world, alice, { what: 'contact', user: 'bob', name: '', on: false });
  t.match(bob.last('presence'), { user: 'alice', online: false, lastSeen: 0 }, 'no contact any more: told at once');
  want(world, alice, { what: 'privacy', ...open, seen: 'nobody' });
  t.notOk(sees(bob, 'alice'));
  world.move('alice');
  world.settle();
  t.notOk(sees(bob, 'alice'), 'it is kept');
});

t.test(
  'SLF5 SLF6 A11 read receipts can be switched off, in both directions, and delivery is told all the same',
  async (t) => {
    const world = messenger();
    const { alice, bob } = people(world, 'alice', 'bob') as { readonly [name in 'alice' | 'bob']: Socket };
    want(world, bob, { what: 'privacy', ...open, receipts: false });
    const hasRead = (from: Socket, to: string, reader: Socket): number => {
      from.say({ kind: 'send', id: `m-${++deeds}`, to, body: '' });
      world.settle();
      reader.say({ kind: 'received', upTo: reader.cursor() }, { kind: 'read', with: from.claims.user, upTo: 99 });
      world.settle();
      return eventsOf(from, 'receipt').at(-1)?.read ?? -1;
    };
    t.equal(hasRead(alice, 'bob', bob), 0);
    t.equal(eventsOf(alice, 'receipt').at(-1)?.delivered, 1);
    t.equal(hasRead(bob, 'alice', alice), 0);
    want(world, bob, { what: 'privacy', ...open });
    t.equal(hasRead(alice, 'bob', bob), 2, 'from now on, and what was before with it');
    for (const { delivered, read } of eventsOf(alice, 'receipt')) t.ok(read <= delivered);
  },
);

t.test('SLF5 who may add a user to groups', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  want(world, all.alice!, { what: 'contact', user: 'bob', name: '', on: true });
  want(world, all.alice!, { what: 'privacy', ...open, invites: 'contacts' });
  makeGroup(world, all, 'carol', 'alice');
  t.match(eventsOf(all.carol!, 'declined'), [{ user: 'alice', code: 'not_allowed' }]);
  makeGroup(world, all, 'bob', 'alice');
  t.same(eventsOf(all.bob!, 'declined'), []);
});

t.test('SLF4 A9 contacts have a bound, and a name that is the same is no news', async (t) => {
  const world = messenger({ contacts_max: 1 });
  const { alice } = people(world, 'alice') as { readonly alice: Socket };
  t.equal(want(world, alice, { what: 'contact', user: 'bob', name: 'B', on: true }), 'accepted');
  const before = eventsOf(alice, 'self').length + alice.cursor();
  t.equal(want(world, alice, { what: 'contact', user: 'bob', name: 'B', on: true }), 'accepted');
  t.equal(eventsOf(alice, 'self').length + alice.cursor(), before);
  t.equal(want(world, alice, { what: 'contact', user: 'bob', name: 'C', on: true }), 'accepted');
  t.equal(want(world, alice, { what: 'contact', user: 'carol', name: '', on: true }), 'too_many_contacts');
  t.equal(want(world, alice, { what: 'contact', user: 'alice', name: '', on: true }), 'to_self');
});
