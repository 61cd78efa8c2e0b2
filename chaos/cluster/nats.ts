/** The nats-servers of a run: each a real one, on an address, a disk and a clock of its choice. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNatsServer } from '../../scripts/nats-server.ts';
import { Program } from './program.ts';
import type { Site } from './sites.ts';

export interface NatsPlan {
  readonly name: string;
  readonly site: Site;
  readonly clientPort: number;
  readonly routePort: number;
  /** Where its journal lies; made if need be. */
  readonly store: string;
}

export interface NatsServer extends NatsPlan {
  readonly program: Program;
  readonly url: string;
}

/** Not started yet. Configurations and logs go to `folder`. */
export async function natsServers(plans: readonly NatsPlan[], folder: string): Promise<NatsServer[]> {
  const { path } = await findNatsServer();
  mkdirSync(folder, { recursive: true });
  const routes = plans.map(({ site, routePort }) => `"nats://${site.address}:${routePort}"`);
  return plans.map((plan) => {
    const { name, site, clientPort } = plan;
    mkdirSync(plan.store, { recursive: true });
    const config = join(folder, `${name}.conf`);
    writeFileSync(config, configOf(plan, routes));
    const program = new Program({
      name,
      command: site.wrap([path, '-c', config]),
      output: join(folder, `${name}.log`),
      up: { host: site.address, port: clientPort },
    });
    return { ...plan, program, url: `nats://${site.address}:${clientPort}` };
  });
}

/** As deploy/nats-server.conf, without its keys and passwords: above all, synced before it is acknowledged. */
function configOf({ name, site, clientPort, routePort, store }: NatsPlan, routes: readonly string[]): string {
  return `server_name: ${name}
listen: "${site.address}:${clientPort}"
max_payload: 1MB
max_pending: 64MB
write_deadline: "10s"
ping_interval: "10s"
ping_max: 2
jetstream {
  store_dir: ${JSON.stringify(store)}
  max_file_store: 16GB
  max_memory_store: 512MB
  sync_interval: always
}
cluster {
  name: ringpost
  listen: "${site.address}:${routePort}"
  routes: [${routes.join(', ')}]
  no_advertise: true
}
`;
}
