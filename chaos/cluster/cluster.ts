/** Three nats-servers and some nodes, each a real process. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AdminClient } from '../../console/client.ts';
import { freePorts } from '../../scripts/free-ports.ts';
import { type NatsServer, natsServers } from './nats.ts';
import { Program } from './program.ts';
import { journal_stream, Register } from './register.ts';
import { loopback, type Site } from './sites.ts';
import type { System, SystemNode } from './system.ts';

export interface ClusterPlan {
  readonly folder: string;
  readonly nodes?: number;
  /** As for `ringpost --set`. */
  readonly set: readonly string[];
  readonly site?: (name: string) => Site;
  /** Where a node or a nats-server keeps its data. */
  readonly store?: (name: string) => string;
  readonly env?: (name: string) => { readonly [name: string]: string };
  /** How a node reaches the nats-servers, when not directly. */
  /** Nodes have an admin console. */
  readonly isOperated?: true;
  readonly natsUrls?: (node: string, servers: readonly NatsServer[]) => Promise<readonly string[]>;
}

/** Seen from dist/chaos/cluster. */
export const launcher = fileURLToPath(new URL('../../../bin/ringpost.js', import.meta.url));
const nats_servers = 3;
const node_says_up = ' is up at ';
/** Owners that don't change for so long are taken to be settled. */
const settled_ms = 300;
const nodes_most = 9;
/** The same for all nodes, as an operator must see to. */
const secret_file = 'secret';
const tokens_file = 'admin-tokens';

/** Many accounts from one address in seconds, and sockets that break all the time, are what these bounds are against. */
export const open_doors = [
  'gateway.scrypt_cost=2',
  'gateway.registers_per_peer_burst=100000',
  'gateway.logins_per_peer_burst=100000',
  'gateway.refreshes_per_peer_burst=100000',
  'gateway.handshakes_per_peer_burst=1000000',
  'gateway.sockets_per_peer_max=100000',
  'gateway.http_connections_per_peer_max=100000',
];

export class Cluster implements System {
  readonly nats: readonly NatsServer[];
  readonly #plan: ClusterPlan;
  readonly #ports: readonly number[];
  readonly #nodes: (SystemNode & { readonly consoleAt: string })[] = [];
  readonly #former: SystemNode[] = [];
  readonly #token = randomBytes(32).toString('base64url');
  #register: Register | undefined;
  #owners: { readonly text: string; readonly since: number } = { text: '', since: 0 };

  private constructor(plan: ClusterPlan, nats: readonly NatsServer[], ports: readonly number[]) {
    this.#plan = plan;
    this.nats = nats;
    this.#ports = ports;
  }

  /** Resolves when every node is up. */
  static async start(plan: ClusterPlan): Promise<Cluster> {
    const { folder, nodes = 3, site = () => loopback } = plan;
    writeFileSync(join(folder, secret_file), randomBytes(32).toString('base64'), { mode: 0o600 });
    const ports = await freePorts(nats_servers * 2 + nodes_most * 2);
    const store = plan.store ?? ((name: string) => join(folder, name));
    const nats = await natsServers(
      Array.from({ length: nats_servers }, (_, i) => ({
        name: `nats-${i + 1}`,
        site: site(`nats-${i + 1}`),
        clientPort: ports[i]!,
        routePort: ports[nats_servers + i]!,
        store: store(`nats-${i + 1}`),
      })),
      folder,
    );
    const cluster = new Cluster({ ...plan, site, store }, nats, ports.slice(nats_servers * 2));
    try {
      await Promise.all(nats.map(({ program }) => program.start()));
      cluster.#register = await Register.open(nats.map(({ url }) => url));
      for (let i = 1; i <= nodes; i++) await cluster.add(`n${i}`);
      await Promise.all(cluster.nodes.map(({ program }) => program.start()));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get nodes(): readonly SystemNode[] {
    return this.#nodes;
  }

  get former(): readonly SystemNode[] {
    return this.#former;
  }

  /** One node more, not started yet. */
  async add(name: string): Promise<SystemNode> {
    const { folder, site = () => loopback, set, env, natsUrls } = this.#plan;
    const { address, wrap } = site(name);
    const port = this.#ports[this.#nodes.length]!;
    const dataFolder = this.#plan.store?.(name) ?? join(folder, name);
    mkdirSync(dataFolder, { recursive: true });
    const urls = (await natsUrls?.(name, this.nats)) ?? this.nats.map(({ url }) => url);
    const words = ['node', name, '--end-with-parent', '--advertise', 'own', '--replicas', String(nats_servers)];
    const where = [
      '--host',
      address,
      '--port',
      String(port),
      '--data',
      dataFolder,
      '--secret',
      join(folder, secret_file),
    ];
    const settings = [...open_doors, ...set].flatMap((setting) => ['--set', setting]);
    const program = new Program({
      name,
      command: wrap([
        process.execPath,
        '--enable-source-maps',
        launcher,
        ...words,
        ...where,
        ...this.#consoleWords(address),
        '--nats',
        urls.join(','),
        ...settings,
      ]),
      env: env?.(name) ?? {},
      output: join(folder, `${name}.out`),
      up: node_says_up,
    });
    const consoleAt = `${address}:${this.#consolePort(this.#nodes.length)}`;
    const node = { name, url: `http://${address}:${port}`, dataFolder, program, consoleAt };
    this.#nodes.push(node);
    return node;
  }

  #consolePort(at: number): number {
    return this.#ports[nodes_most + at]!;
  }

  #consoleWords(address: string): string[] {
    if (this.#plan.isOperated !== true) return [];
    const tokens = join(this.#plan.folder, tokens_file);
    writeFileSync(tokens, `chaos operator ${this.#token}\n`, { mode: 0o600 });
    const port = this.#consolePort(this.#nodes.length);
    return ['--admin-host', address, '--admin-port', String(port), '--admin-tokens', tokens];
  }

  /** For whoever asked for consoles; to be closed by them. */
  operator(): AdminClient {
    return new AdminClient({ nodes: this.#nodes.map(({ consoleAt }) => consoleAt), token: this.#token });
  }

  /** It is expected no more: stopped, and out of the list. */
  async remove(name: string): Promise<void> {
    const at = this.#nodes.findIndex((node) => node.name === name);
    const [node] = at < 0 ? [] : this.#nodes.splice(at, 1);
    if (node === undefined) return;
    this.#former.push(node);
    await node.program.stop();
  }

  owners(): Promise<readonly string[]> {
    return this.#register?.owners() ?? Promise.reject(new Error('there is no cluster yet'));
  }

  async leader(): Promise<string | undefined> {
    return this.#register?.leaderOf(journal_stream);
  }

  async whole(): Promise<boolean> {
    if (this.#register === undefined) return false;
    const programs = [...this.nats, ...this.#nodes].map(({ program }) => program);
    if (!programs.every(({ running, paused }) => running && !paused)) return false;
    const [owners, copies] = await Promise.all([this.#register.owners(), this.#register.isWhole()]);
    return copies && this.#settled(owners);
  }

  #settled(owners: readonly string[]): boolean {
    const now = performance.now();
    const text = owners.join();
    if (text !== this.#owners.text) this.#owners = { text, since: now };
    const fair = owners.length / (4 * this.#nodes.length);
    const shares = this.#nodes.map(({ name }) => owners.filter((owner) => owner === name).length);
    const all = shares.reduce((sum, share) => sum + share, 0);
    return all === owners.length && shares.every((share) => share >= fair) && now - this.#owners.since >= settled_ms;
  }

  async stop(): Promise<void> {
    await this.#register?.close();
    await Promise.all(this.#nodes.map(({ program }) => program.stop()));
    await Promise.all(this.nats.map(({ program }) => program.stop()));
  }
}
