/** What people do with their devices, and tellers with the bank: the work of a simulated world, at random times, of its own chance. */
import { clientLimits } from '../proto/words.ts';
import { amendSomething } from './amendments.ts';
import type { SimRandom, SimTime } from './clock.ts';
import type { Device } from './device.ts';
import type { Groups } from './groups.ts';
import { tellSomething } from './handles.ts';

export interface PeopleOptions {
  readonly time: SimTime;
  readonly random: SimRandom;
  readonly users: readonly string[];
  readonly devices: readonly Device[];
  /** Mean ms between what one device does. */
  readonly everyMs: number;
  /** Whether they let messages vanish. */
  readonly vanishing: boolean;
  /** Undefined where people know no groups. */
  readonly groups: Groups | undefined;
}

/** Of what people do, where they know groups. */
const group_share = 0.4;

/** Of what people do: to messages that were sent. */
const amend_share = 0.1;

const tell_share = 0.05;
const vanish_share = 0.3;
const vanish_ms: readonly [number, number] = [0, 4_000];
const { vanish_ms_min } = clientLimits;

/** Nobody has this name. */
const stranger = 'nobody';
const burst_messages: readonly [number, number] = [5, 40];
const body_chars: readonly [number, number] = [1, 200];
const long_body_chars = 4_000;

export class People {
  readonly #options: PeopleOptions;
  #busy = true;
  #texts = 0;

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  /** This device's user is at it from now on. */
  use(device: Device): void {
    const { time, random, everyMs } = this.#options;
    time.after(random.exponential(everyMs), () => {
      if (!this.#busy) return;
      this.#act(device);
      this.use(device);
    });
  }

  /** Nobody does anything any more. */
  rest(): void {
    this.#busy = false;
  }

  #act(device: Device): void {
    const { random, users, groups } = this.#options;
    const others = users.filter((user) => user !== device.user);
    const peer = random.pick(others);
    if (groups !== undefined && random.chance(group_share)) {
      this.#actInGroup(device, groups);
      return;
    }
    if (random.chance(amend_share)) {
      if (this.#options.vanishing && random.chance(vanish_share)) this.#vanish(device, peer);
      else amendSomething(device, random);
      return;
    }
    if (random.chance(tell_share)) {
      tellSomething(device, random, users);
      return;
    }
    const dice = random.fraction();
    if (dice < 0.7) device.send(random.chance(0.02) ? stranger : peer, this.#text());
    else if (dice < 0.74) {
      for (let i = random.between(...burst_messages); i > 0; i--) device.send(peer, this.#text());
    } else if (dice < 0.8) device.do((client) => client.typing(peer, random.chance(0.7)));
    else if (dice < 0.84) device.do((client) => client.watch(others));
    else if (dice < 0.88) this.#sendAgain(device);
    else if (dice < 0.94) device.do((client) => void client.history(peer, { limit: 20 }).catch(() => {}));
    else if (dice < 0.995) this.#inquire(device);
    else this.#revoke(device);
  }

  #actInGroup(device: Device, groups: Groups): void {
    const { random } = this.#options;
    if (groups.known.length === 0 || random.chance(0.2)) groups.act(device);
    else device.send(random.pick(groups.known), this.#text());
  }

  /** A message that vanishes, or from now on all between two users, or in a group. */
  #vanish(device: Device, peer: string): void {
    const { random, groups } = this.#options;
    const group = groups === undefined || groups.known.length === 0 ? undefined : random.pick(groups.known);
    const other = group !== undefined && random.chance(group_share) ? group : peer;
    const since = random.pick(['sent', 'delivered', 'read'] as const);
    if (random.chance(0.6)) {
      const vanish = { afterMs: random.between(...vanish_ms), since };
      device.send(other, this.#text(), undefined, { vanish });
    } else {
      const afterMs = random.chance(0.5) ? 0 : vanish_ms_min;
      device.do(({ messages }) => void messages.vanishAfter(other, afterMs, since).catch(() => {}));
    }
  }

  /** The user throws another device of theirs out. It logs in again. */
  #revoke(device: Device): void {
    const { random, devices } = this.#options;
    const others = devices.filter(({ user, name }) => user === device.user && name !== device.name);
    if (others.length === 0) return;
    const { name } = random.pick(others);
    device.do((client) => void client.account.revoke(name).catch(() => {}));
  }

  #text(): string {
    const { random } = this.#options;
    const chars = random.chance(0.03) ? long_body_chars : random.between(...body_chars);
    return `${++this.#texts} `.padEnd(chars, 'x');
  }

  /** The application repeats itself: the same message under the same id. */
  #sendAgain(device: Device): void {
    const sendings = [...device.history.sendings.values()];
    if (sendings.length === 0) return;
    const { id, to, body } = this.#options.random.pick(sendings);
    device.send(to, body, id);
  }

  #inquire(device: Device): void {
    const accepted = [...device.history.sendings.values()].filter((sending) => sending.accepted !== undefined);
    if (accepted.length === 0) return;
    const { id } = this.#options.random.pick(accepted);
    device.do((client) => void client.inquire(id).catch(() => {}));
  }
}
