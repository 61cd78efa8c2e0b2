/**
 * A network of one's own: every process in a network namespace with one cable to a bridge, the clients at the bridge itself. Packets get
 * lost without a word to anybody, in one direction or both.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { Site } from '../cluster/sites.ts';

const bridge = 'rpbr0';
const prefix = '10.77.0.';
const first_host = 10;
/** Nobody's: the bridge shows such a frame to all, and none takes it. */
const nowhere = '02:00:5e:00:00:01';
/** Where `ip netns` keeps names; inside the enclosure a mount of its own, gone with it. */
const names_folder = '/run/netns';

/** The load and the conductor. */
export const clients = 'clients';

export class Network {
  readonly #addresses = new Map<string, string>([[clients, `${prefix}1`]]);
  readonly #blocked = new Set<string>();
  readonly #down = new Set<string>();

  /** Needs an enclosure. */
  constructor(names: readonly string[]) {
    mkdirSync(names_folder, { recursive: true });
    run('mount', '-t', 'tmpfs', 'ringpost-chaos', names_folder);
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('addr', 'add', `${prefix}1/24`, 'dev', bridge);
    ip('link', 'set', bridge, 'up');
    names.forEach((name, i) => {
      this.#plug(name, `${prefix}${first_host + i}`);
    });
  }

  #plug(name: string, address: string): void {
    this.#addresses.set(name, address);
    ip('netns', 'add', name);
    ip('link', 'add', cableOf(name), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('link', 'set', cableOf(name), 'master', bridge, 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
  }

  site(name: string): Site {
    return {
      address: this.#addressOf(name),
      wrap: (command) => ['nsenter', `--net=${names_folder}/${name}`, ...command],
    };
  }

  /** From now on nothing of what `from` sends reaches `to`: its frames go to an address that nobody has. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from} ${to}`);
    this.#neighbour(from, 'replace', this.#addressOf(to), 'lladdr', nowhere, 'nud', 'permanent');
  }

  /** Neither side hears of the other. */
  part(some: readonly string[], others: readonly string[]): void {
    for (const one of some) {
      for (const other of others) {
        this.block(one, other);
        this.block(other, one);
      }
    }
  }

  /** Pulls the cable. */
  unplug(name: string): void {
    this.#down.add(name);
    ip('link', 'set', cableOf(name), 'down');
  }

  plugIn(name: string): void {
    this.#down.delete(name);
    ip('link', 'set', cableOf(name), 'up');
  }

  /** Takes it down; the processes in it must have ended. */
  close(): void {
    for (const name of this.#addresses.keys()) if (name !== clients) ip('netns', 'del', name);
    ip('link', 'del', bridge);
    run('umount', names_folder);
  }

  /** All is as in the beginning. */
  heal(): void {
    for (const name of [...this.#down]) this.plugIn(name);
    for (const pair of this.#blocked) {
      const [from = '', to = ''] = pair.split(' ');
      this.#neighbour(from, 'del', this.#addressOf(to));
    }
    this.#blocked.clear();
  }

  #neighbour(from: string, ...words: readonly string[]): void {
    const [verb = '', address = '', ...more] = words;
    if (from === clients) ip('neigh', verb, address, 'dev', bridge, ...more);
    else ip('-n', from, 'neigh', verb, address, 'dev', 'eth0', ...more);
  }

  #addressOf(name: string): string {
    const address = this.#addresses.get(name);
    if (address === undefined) throw new Error(`there is no ${name} in this network`);
    return address;
  }
}

function cableOf(name: string): string {
  return `rp-${name}`;
}

function ip(...words: readonly string[]): void {
  run('ip', ...words);
}

function run(program: string, ...words: readonly string[]): void {
  try {
    execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer };
    throw new Error(`${program} ${words.join(' ')}: ${stderr?.toString().trim() ?? String(error)}`);
  }
}
