/** What happened in a simulated world, in words that a person can follow, and as one hash that tells two courses apart. */
import type { SimTime } from './clock.ts';

/** The newest; older ones count in the hash only. */
const kept_lines_max = 40_000;

export interface TraceOptions {
  readonly time: SimTime;
  /** Called with each line as it happens. */
  readonly print?: ((line: string) => void) | undefined;
}

export class Trace {
  readonly #time: SimTime;
  readonly #print: ((line: string) => void) | undefined;
  #lines: string[] = [];
  #older: string[] = [];
  #high = 0x811c9dc5;
  #low = 0x9e3779b9;

  constructor({ time, print }: TraceOptions) {
    this.#time = time;
    this.#print = print;
  }

  /** One thing that happened, where, and to whom: names of nodes, users and partitions (`p7`) stand in the words as they are. */
  note(where: string, what: string): void {
    const line = `${seconds(this.#time.nowMs)} ${where} ${what}`;
    for (let i = 0; i < line.length; i++) this.mix(line.charCodeAt(i));
    this.#print?.(line);
    this.#lines.push(line);
    if (this.#lines.length < kept_lines_max) return;
    this.#older = this.#lines;
    this.#lines = [];
  }

  /** Counts in the hash, and is not told. */
  mix(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 0x01000193);
    this.#low = (Math.imul(this.#low, 31) + value) | 0;
  }

  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** The last lines that speak of one of these names, oldest first; of anything, without names. */
  about(names: readonly string[], max: number): string[] {
    const lines = [...this.#older, ...this.#lines];
    const found: string[] = [];
    for (let i = lines.length - 1; i >= 0 && found.length < max; i--) {
      const words = (lines[i] as string).split(/[ ,:;()>/]+/);
      if (names.length === 0 || names.some((name) => words.includes(name))) found.push(lines[i] as string);
    }
    return found.reverse();
  }
}

/** Wide enough for an hour, so that lines stand below one another. */
function seconds(ms: number): string {
  return (ms / 1_000).toFixed(4).padStart(9);
}
