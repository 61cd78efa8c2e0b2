/** What people of a simulated world tell of themselves, and that each can be found by what it wants to be found by, and by nothing else, whatever happens. */
import { directoryOf } from '../actors/directory.ts';
import { RingpostError } from '../client/index.ts';
import { handleKinds, handleOf } from '../proto/handles.ts';
import { emptyProfile } from '../proto/people-words.ts';
import type { Privacy, Profile } from '../proto/words.ts';
import type { SimRandom } from './clock.ts';
import { quickCodec } from './codec.ts';
import type { Device } from './device.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Few, so that several people have the same, and give up what they had. */
const emails = ['', 'one@example.org', 'two@example.org'];
const phones = ['', '+49 170 1'];

/** The user of a device changes what it tells of itself, or whether it can be found, or looks for others. */
export function tellSomething(device: Device, random: SimRandom, users: readonly string[]): void {
  const dice = random.fraction();
  device.do(({ people }) => {
    const done: Promise<unknown> =
      dice < 0.4
        ? people.setProfile({ email: random.pick(emails), phone: random.pick(phones) })
        : dice < 0.7
          ? people.setPrivacy({ found: random.pick(['everyone', 'everyone', 'everyone', 'nobody'] as const) })
          : dice < 0.85
            ? people.find('email', random.pick(emails.slice(1)))
            : people.profiles(users);
    done.catch((error: unknown) => {
      if (!(error instanceof RingpostError)) throw error;
    });
  });
}

/** When all mail has come: each directory has those who want to be in it, and nobody else. Throws `Violation`. */
export function auditHandles(world: World): void {
  const { profiles, privacies, directories } = rowsOf(world);
  const wanted = new Map<string, Set<string>>();
  for (const user of new Set([...profiles.keys(), ...privacies.keys()])) {
    const profile = (privacies.get(user)?.found ?? 'nobody') === 'nobody' ? emptyProfile : profiles.get(user);
    for (const by of handleKinds) {
      const handle = handleOf(by, profile?.[by] ?? '');
      if (handle === '') continue;
      const { address } = directoryOf(by, handle);
      wanted.set(address, (wanted.get(address) ?? new Set()).add(user));
    }
  }
  for (const address of new Set([...wanted.keys(), ...directories.keys()])) {
    const [should, does] = [wanted.get(address), directories.get(address)].map((users) => [...(users ?? [])].sort());
    if (should?.join() === does?.join()) continue;
    throw new Violation('PPL7', `${address} should have ${should?.join()}, and has ${does?.join()}`, []);
  }
}

interface Rows {
  readonly profiles: Map<string, Profile>;
  readonly privacies: Map<string, Partial<Privacy>>;
  readonly directories: Map<string, Set<string>>;
}

/** As the journal has them. */
function rowsOf({ watch }: World): Rows {
  const rows: Rows = { profiles: new Map(), privacies: new Map(), directories: new Map() };
  for (const partition of watch.rows.values()) {
    for (const [key, bytes] of partition) {
      const [actor = '', table, place = ''] = key.split(' ');
      const [kind, name = ''] = actor.split('/');
      if (kind === 'user' && table === 'profile') rows.profiles.set(name, quickCodec.unpack(bytes) as Profile);
      if (kind === 'user' && table === 'privacy')
        rows.privacies.set(name, quickCodec.unpack(bytes) as Partial<Privacy>);
      if (kind === 'directory' && table === 'user') {
        rows.directories.set(actor, (rows.directories.get(actor) ?? new Set()).add(place));
      }
    }
  }
  return rows;
}
