/** What a folder of data needs besides its files: one process at a time, and the knowledge of an unclean boot. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { uptime } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const lockName = 'lock.sock';
const markName = 'mark.json';
const limits = { lock_tries_max: 5, lock_settle_ms: 20, socket_path_max: 100 };

export class FolderInUse extends Error {
  constructor(folder: string) {
    super(`${folder} is in use by another running process; every node needs a data folder of its own`);
    this.name = 'FolderInUse';
  }
}

/** Makes the folder if need be; the entry in its parent survives a loss of power. */
export async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true });
  if (made === undefined) return;
  for (let path = folder; path.length >= made.length; path = dirname(path)) syncFolder(dirname(path));
}

/**
 * Takes the folder for this process until the returned function is called or the process ends. The lock is a listening
 * socket in the folder: the kernel closes it with its process, even by `kill -9`, and whether somebody listens can be
 * told from another container too, where a process number means nothing.
 * @throws FolderInUse
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const directory = openSync(folder, 'r');
  // A socket's path has about 107 bytes; through the descriptor every folder is near.
  const direct = join(folder, lockName);
  const path =
    direct.length > limits.socket_path_max && existsSync('/proc/self/fd')
      ? `/proc/self/fd/${directory}/${lockName}`
      : direct;
  try {
    for (let tries = 0; tries < limits.lock_tries_max; tries++) {
      const server = await listenAt(path);
      if (server !== undefined) {
        if (await settled(direct)) return () => unlock(server, directory);
        // Not closed: that would remove the file, which is the winner's now.
        break;
      }
      if (await answers(path)) break;
      // Left behind by a process that is gone.
      rmSync(direct, { force: true });
    }
  } catch (error) {
    closeSync(directory);
    throw error;
  }
  closeSync(directory);
  throw new FolderInUse(folder);
}

function unlock(server: Server, directory: number): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      closeSync(directory);
      resolve();
    });
  });
}

function listenAt(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Two processes that both remove a socket left behind may both listen; the one whose file is gone has lost. */
async function settled(path: string): Promise<boolean> {
  const mine = inode(path);
  await sleep(limits.lock_settle_ms);
  return mine !== undefined && mine === inode(path);
}

function inode(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Anything but a refusal (too many connections waiting, say) means that somebody is there.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}

const states = ['opening', 'open', 'closed', 'damaged'] as const;

/** What a folder says of its last use. */
export interface Mark {
  /** The machine's boot in which it was last open. */
  readonly boot: string;
  /** `closed`: with all it held on disk. `damaged`: what it holds is not what was written. */
  readonly state: (typeof states)[number];
  /** Processes in a row that ended without closing it, soon after they had opened it. */
  readonly deaths: number;
  /** How its data is written; 1 where the mark says nothing of it. */
  readonly layout: number;
}

/** Undefined where there is none or it can't be read. */
export function readMark(folder: string): Mark | undefined {
  try {
    const mark = JSON.parse(readFileSync(join(folder, markName), 'utf8')) as { [field in keyof Mark]?: unknown };
    const { boot, state, deaths, layout = 1 } = mark;
    if (typeof boot !== 'string' || typeof deaths !== 'number' || typeof layout !== 'number') return undefined;
    const known = states.find((one) => one === state);
    return known && { boot, state: known, deaths, layout };
  } catch {
    return undefined;
  }
}

/** On disk when it returns. */
export function writeMark(folder: string, left: Omit<Mark, 'boot'>): void {
  const path = join(folder, `${markName}.new`);
  const file = openSync(path, 'w');
  const mark: Mark = { boot: bootId(), ...left };
  writeSync(file, JSON.stringify(mark));
  fsyncSync(file);
  closeSync(file);
  renameSync(path, join(folder, markName));
  syncFolder(folder);
}

export function syncFolder(folder: string): void {
  const directory = openSync(folder, 'r');
  fsyncSync(directory);
  closeSync(directory);
}

/**
 * Names this boot of the machine: what was in its page cache before is lost. A virtual machine resumed from a snapshot of
 * its memory keeps it, rightly, unless its disk was rolled back alone.
 */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Elsewhere the time of boot, which wobbles by the clock's corrections: to ten minutes, so a wrong answer is rare and
    // only costs a rebuild.
    const bootedAt = Math.round((Date.now() / 1000 - uptime()) / 600);
    return createHash('sha256').update(String(bootedAt)).digest('hex').slice(0, 32);
  }
}
