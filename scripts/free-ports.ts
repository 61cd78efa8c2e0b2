/**
 * Ports on loopback for servers that are about to be started. They lie below those that kernels give to outgoing connections (from 32768 on
 * Linux, 49152 elsewhere): such a connection could have a port before its server binds it, or while the server is down and to come back. Each process hands
 * out ports of blocks of its own; whoever listens on the first port of a block has the block, as long as it lives.
 */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

const first_port = 10_000;
const block_ports = 32;
const blocks = 680;

let next = 0;
let end = 0;
let last: Promise<unknown> = Promise.resolve();

/** Different ones at each call. Nobody listens on them now. */
export function freePorts(count: number): Promise<number[]> {
  const ports = last.then(async () => {
    const taken: number[] = [];
    while (taken.length < count) taken.push(await take());
    return taken;
  });
  last = ports.catch(() => {});
  return ports;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

async function take(): Promise<number> {
  for (;;) {
    if (next === end) await claimBlock();
    const port = next++;
    const probe = await listen(port);
    if (probe === undefined) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

async function claimBlock(): Promise<void> {
  const start = randomInt(blocks);
  for (let i = 0; i < blocks; i++) {
    const port = first_port + ((start + i) % blocks) * block_ports;
    const holder = await listen(port);
    if (holder === undefined) continue;
    holder.unref();
    next = port + 1;
    end = port + block_ports;
    return;
  }
  throw new Error(`All blocks of ports from ${first_port} to ${first_port + blocks * block_ports} are taken.`);
}

/** Undefined where somebody else does. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
