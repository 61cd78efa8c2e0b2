/** A backup of the whole cluster, to whoever asks a node for it: piece by piece, as fast as they are taken. */
import { status } from '@grpc/grpc-js';
import type { Caller } from './access.ts';
import type { Changes } from './changes.ts';
import { Failure } from './failures.ts';
import type { Call } from './streams.ts';
import type { BackupPieceWords } from './words.ts';

/** How a node makes one, or why it can't. */
export type BackupSource =
  | { readonly kind: 'none'; readonly why: string }
  /** Throws where it breaks off. Whoever wants no more of it returns. */
  | { readonly kind: 'pieces'; readonly make: () => AsyncIterable<BackupPieceWords> };

/** Whoever takes nothing for so long is given up. */
const stall_ms_max = 30_000;

export class Backups {
  readonly #source: BackupSource;
  readonly #changes: Changes;
  /** Who is being given one. */
  #to: string | undefined;

  constructor(source: BackupSource, changes: Changes) {
    this.#source = source;
    this.#changes = changes;
  }

  /** Resolves when all is written. Rejects with a Failure; what was written by then is no backup. */
  async make(call: Call<'Backup'>, caller: Caller): Promise<void> {
    const source = this.#source;
    if (source.kind === 'none') throw new Failure(status.FAILED_PRECONDITION, source.why);
    if (this.#to !== undefined) {
      throw new Failure(status.FAILED_PRECONDITION, `this node makes a backup for ${this.#to} already`);
    }
    this.#to = caller.who;
    try {
      const change = { method: 'Backup', target: {}, reason: call.request.reason };
      const { audit } = await this.#changes.make(caller, change, () => given(source.make(), call));
      call.write({ audit });
    } finally {
      this.#to = undefined;
    }
  }
}

async function given(pieces: AsyncIterable<BackupPieceWords>, call: Call<'Backup'>): Promise<void> {
  try {
    for await (const piece of pieces) {
      const hasRoom = call.write(piece);
      // Of one who has left there is no word any more: nothing would end the wait.
      if (!hasRoom && !call.cancelled) await drained(call);
      if (call.cancelled) throw new Failure(status.CANCELLED, 'the caller has left');
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(status.ABORTED, `it broke off: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Resolves when there is room for more, or nobody to take it. */
function drained(call: Call<'Backup'>): Promise<void> {
  return new Promise((resolve, reject) => {
    const events = ['drain', 'cancelled', 'close', 'error'] as const;
    const end = (): void => {
      clearTimeout(late);
      for (const name of events) call.off(name, end);
      resolve();
    };
    const late = setTimeout(() => {
      for (const name of events) call.off(name, end);
      reject(new Failure(status.ABORTED, `nothing was taken for ${stall_ms_max / 1_000} s`));
    }, stall_ms_max);
    for (const name of events) call.on(name, end);
  });
}
