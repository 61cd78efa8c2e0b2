/** What the operating system knows of processes: Linux's /proc, so that every process is measured alike, whatever it is written in. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: what /proc counts in is 10 ms on every Linux that Node runs on, whatever the kernel's own tick. */
const tick_us = 10_000;

/** Why nothing can be measured here; undefined where it can. */
export function whyNoProc(): string | undefined {
  return existsSync('/proc/self/stat')
    ? undefined
    : 'processor time is read from /proc, which only Linux has; run the benchmark there (a container will do)';
}

/** User and system time of all threads of a process since its start. Throws when it has ended. */
export function processorUs(pid: number): number {
  const { userTicks, systemTicks } = statOf(pid);
  return (userTicks + systemTicks) * tick_us;
}

interface Stat {
  readonly parent: number;
  readonly userTicks: number;
  readonly systemTicks: number;
}

function statOf(pid: number): Stat {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    throw new Error(`process ${pid} has ended, though it was being measured`);
  }
  // The second field is the command in brackets and may hold blanks and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), userTicks: Number(fields[11]), systemTicks: Number(fields[12]) };
}

export interface Memory {
  /** All resident pages; those of mapped files (LMDB's) among them, which the kernel takes back when it needs them. */
  readonly rssBytes: number;
  /** Resident pages that no file backs. */
  readonly anonBytes: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { rssBytes: bytes('VmRSS'), anonBytes: bytes('RssAnon') };
}

export interface Machine {
  /** Of all cores, also what the kernel spends on behalf of no process. */
  readonly busyUs: number;
  /** Taken by the host of a virtual machine for others. */
  readonly stealUs: number;
}

export function machine(): Machine {
  const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busyUs: (user + nice + system + irq + softirq) * tick_us, stealUs: steal * tick_us };
}

/** A process and all that descend from it, as far as they live. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const { parent } = statOf(pid);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    } catch {
      // It ended between being listed and being read.
    }
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** The words of a process's command line; none when it has ended. */
export function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}
