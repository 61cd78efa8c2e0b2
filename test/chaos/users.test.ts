import t from 'tap';
import { company, groupsAmong } from '../../chaos/users.ts';

const urls = ['http://a', 'http://b', 'http://c'];

t.test('every user is in one group, and every group has all sorts of users', async (t) => {
  const users = company({ partitions: 32, urls, generation: 1 });
  const groups = groupsAmong(users);
  t.same(
    groups.map(({ length }) => length),
    [8, 8, 8, 8],
  );
  t.same(groups.flat().sort(), users.map(({ name }) => name).sort());
  const plans = new Map(users.map((user) => [user.name, user]));
  for (const group of groups) {
    const members = group.map((name) => plans.get(name)!);
    t.equal(members.filter(({ goesHome }) => goesHome).length, 4, 'half of them go home');
    const stays = new Set(members.flatMap((member) => (member.goesHome ? [] : [member.urls[0]])));
    t.ok(stays.size > 1, 'and the others are not all at one node');
  }
});

t.test('a small company is in groups that are no larger', async (t) => {
  for (const partitions of [2, 4, 16]) {
    const sizes = groupsAmong(company({ partitions, urls, generation: 1 })).map(({ length }) => length);
    t.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      partitions,
    );
    t.ok(Math.max(...sizes) <= 8);
  }
});
