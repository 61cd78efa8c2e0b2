/** What every OwnershipRegister promises, whatever it is made of. */
import type { Test } from 'tap';
import type { Owner, Ownership, OwnershipRegister } from '../../runtime/ports.ts';

export interface RegisterWorld {
  /** The same register through two nodes, empty. */
  readonly register: OwnershipRegister;
  readonly other: OwnershipRegister;
  /** Waits; where time is simulated, lets it pass. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  close(): Promise<void>;
}

const owner: Owner = { node: 'a', incarnation: 'first-life' };

function ownership(epoch: number): Ownership {
  return { owners: [undefined, owner, undefined], epochs: [0, epoch, 0] };
}

/** With all that may be absent. */
const whole: Ownership = { ...ownership(20), formats: [1, 4, 1], pins: ['', 'b', ''] };

export function ownershipContract(t: Test, open: () => Promise<RegisterWorld>): void {
  t.test('A7: ownership changes by compare-and-set', async (t) => {
    const world = await open();
    t.teardown(() => world.close());
    const { register, other, settle } = world;
    t.same(await settle(register.read()), { version: 0, value: undefined });
    t.equal(await settle(register.write(7, ownership(1))), undefined, 'a version that never was');
    const first = (await settle(register.write(0, ownership(1)))) ?? 0;
    t.ok(first > 0);
    t.same(await settle(other.read()), { version: first, value: ownership(1) }, 'seen by another node at once');
    t.equal(await settle(other.write(0, ownership(9))), undefined);
    const second = (await settle(other.write(first, ownership(2)))) ?? 0;
    t.ok(second > first);
    t.equal(await settle(register.write(first, ownership(3))), undefined);
    t.same(await settle(register.read()), { version: second, value: ownership(2) });

    let version = second;
    for (let round = 0; round < 20; round++) {
      const writes = [register, other, register].map((one) =>
        one.write(version, ownership(round)).catch(() => undefined),
      );
      const won = (await settle(Promise.all(writes))).filter((written) => written !== undefined);
      t.equal(won.length, 1, 'of several at once one');
      version = won[0] ?? version;
    }
    t.same(await settle(other.read()), { version, value: ownership(19) });
    const last = await settle(register.write(version, whole));
    t.same(await settle(other.read()), { version: last, value: whole });
  });
}
