/** Slowly goes through all that is stored, again and again, and deletes what nobody holds: each node for the files whose actors live on it. */
import type { FileProtocol } from '../../proto/file-mail.ts';
import type { ActorKind, Door, Log } from '../../runtime/index.ts';
import type { MediaLimits } from './limits.ts';
import type { Storage, StoredBlob } from './storage.ts';

export interface CollectorOptions {
  readonly door: Door;
  readonly file: ActorKind<FileProtocol>;
  readonly storage: Storage;
  readonly limits: MediaLimits & { readonly ask_wait_ms_max: number };
  readonly log: Log;
}

export interface Collector {
  /** One page. Answers how many blobs were deleted. */
  look(): Promise<number>;
  close(): void;
}

export function collector({ door, file, storage, limits, log }: CollectorOptions): Collector {
  let after = '';
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function look(): Promise<number> {
    const { blobs, next } = await storage.list(after, limits.collect_page_blobs);
    after = next;
    let deleted = 0;
    for (const blob of blobs) {
      if (closed) break;
      if (!(await mayGo(blob))) continue;
      await storage.delete(blob.name);
      deleted++;
    }
    return deleted;
  }

  async function mayGo({ name, at }: StoredBlob): Promise<boolean> {
    const { file_grace_ms: graceMs } = limits;
    const [id = '', generation] = name.split('.');
    // What is being stored just now is in no actor yet.
    if (generation === undefined || !/^[0-9a-f]{64}$/.test(id) || Date.now() - at < graceMs) return false;
    const actor = file.ref(id);
    if (door.nodeOf(actor) !== door.node) return false;
    const asked = await door.ask(actor, { kind: 'collect', generation, graceMs }, limits.ask_wait_ms_max);
    return asked.kind === 'reply' && asked.value.gone;
  }

  function later(): void {
    if (closed) return;
    timer = setTimeout(() => {
      look()
        .then((deleted) => {
          if (deleted > 0) log.info({ deleted }, 'files that nobody holds were deleted');
        })
        .catch((error) => log.warn({ error }, 'the storage of files could not be looked through'))
        .finally(later);
    }, limits.collect_pause_ms);
    timer.unref();
  }

  later();
  return {
    look,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
