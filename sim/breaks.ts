/**
 * Rules broken on purpose, from outside: a simulator that finds nothing wrong with these would find nothing at all. Each alters a simulated
 * port, or a method of the engine for as long as one run lasts.
 */
import { InChannel, OutChannel } from '../runtime/channel.ts';
import type { AnyBehaviour, Turn } from '../runtime/index.ts';
import { InnerMail } from '../runtime/inner-mail.ts';
import type { SealedRecord } from '../runtime/open-record.ts';
import { Partition } from '../runtime/partition.ts';
import type { JournalEntry, Ports } from '../runtime/ports.ts';
import { Post } from '../runtime/post.ts';
import { type ChannelMail, decodeRecord, type Taken } from '../runtime/record.ts';
import { Replica } from '../runtime/replica.ts';
import type { Output } from '../runtime/turn.ts';
import { quickCodec } from './codec.ts';
import type { World } from './world.ts';

export interface Break {
  /** What does not hold any more. */
  readonly words: string;
  ports?(ports: Ports, world: World): Ports;
  atBirth?(world: World): void;
  /** Alters a class; the answer undoes it. */
  patch?(world: World): () => void;
}

/** Replaces a method. */
function patched<T extends object, K extends keyof T>(
  target: T,
  method: K,
  make: (original: T[K]) => T[K],
): () => void {
  const original = target[method];
  target[method] = make(original);
  return () => {
    target[method] = original;
  };
}

export const breaks = {
  fencing: {
    words: 'the journal takes appends whatever the last record is',
    atBirth({ log }) {
      const apply = log.apply.bind(log);
      log.apply = (batch) =>
        apply(batch.map((append) => ({ ...append, expectedSeq: log.entries(append.partition).at(-1)?.seq ?? 0 })));
    },
  },
  gate: {
    words: 'what a turn sends leaves when its record is sealed, not when it is durable',
    patch() {
      const posts = new WeakMap<Partition, Post>();
      const undoOpened = patched(Post.prototype, 'opened', (opened) => {
        return function (this: Post, partition: Partition): void {
          posts.set(partition, this);
          opened.call(this, partition);
        };
      });
      const undoSeal = patched(Partition.prototype, 'seal', (seal) => {
        return function (this: Partition): SealedRecord {
          const sealed = seal.call(this);
          // Emptied, so that nothing leaves a second time.
          posts.get(this)?.release((sealed.outputs as Output[]).splice(0));
          return sealed;
        };
      });
      return () => {
        undoSeal();
        undoOpened();
      };
    },
  },
  dedup: {
    words: 'mail that was handled is accepted again',
    patch: () =>
      patched(InChannel.prototype, 'accept', (accept) => {
        return function (this: InChannel, seq: number) {
          return accept.call(this, seq) === 'gap' ? 'gap' : 'new';
        };
      }),
  },
  outbox: {
    words: 'mail that went unanswered is not sent again',
    patch: () => patched(OutChannel.prototype, 'rewind', () => () => {}),
  },
  watermark: {
    words: 'a record says what was received instead of what was done',
    patch: () =>
      patched(InChannel.prototype, 'taken', () => {
        return function (this: InChannel): Taken {
          return { source: this.from, watermark: this.received, above: [] };
        };
      }),
  },
  truncate: {
    words: 'the journal is cut before what the snapshots cover',
    ports: (ports) => ({
      ...ports,
      journal: { ...ports.journal, truncate: () => ports.journal.truncate(Number.MAX_SAFE_INTEGER) },
    }),
  },
  standby: {
    words: 'a standby is promoted without catching up',
    patch: ({ log }) =>
      patched(Replica.prototype, 'catchUp', (catchUp) => {
        return async function (this: Replica, toSeq: number): Promise<void> {
          const { standing } = this.partition;
          const entry = log.entries(this.id).find(({ seq }) => seq === toSeq);
          const record = entry && decodeRecord(entry.bytes, quickCodec);
          if (record?.type !== 'bump' || standing.seenSeq === 0) await catchUp.call(this, toSeq);
          else if (standing.seenSeq < toSeq) standing.committed(record, entry as JournalEntry);
        };
      }),
  },
  neighbour: {
    words: 'a record does not hold mail to a neighbour that has had no turn',
    patch: () =>
      patched(InnerMail.prototype, 'seal', (seal) => {
        return function (this: InnerMail): ChannelMail[] {
          seal.call(this);
          return [];
        };
      }),
  },
  roster: {
    words: 'a group goes on telling those who have left it',
    atBirth({ behaviours }) {
      const branch = behaviours.find(({ kind }) => kind === 'branch') as { turns: AnyBehaviour['turns'] };
      const { entry, ...others } = branch.turns;
      const takeAll = (memory: never, mail: object, turn: Turn): void =>
        entry?.(memory, { ...mail, leave: [] } as never, turn);
      branch.turns = { ...others, entry: takeAll };
    },
  },
  amend: {
    words: 'what the other side does to a message is lost where the account has just woken',
    atBirth({ behaviours }) {
      const user = behaviours.find(({ kind }) => kind === 'user') as { turns: AnyBehaviour['turns'] };
      const awake = new WeakSet<object>();
      const noticing = Object.entries(user.turns).map(([kind, handler]) => {
        const take = (memory: never, mail: never, turn: Turn): void => {
          const isNew = !awake.has(memory);
          awake.add(memory);
          if (kind !== 'amended' || !isNew) handler?.(memory, mail, turn);
        };
        return [kind, take] as const;
      });
      user.turns = Object.fromEntries(noticing);
    },
  },
  vanish: {
    words: 'a message that vanishes at whom it was sent to stays at its sender',
    atBirth({ behaviours }) {
      const user = behaviours.find(({ kind }) => kind === 'user') as { turns: AnyBehaviour['turns'] };
      user.turns = { ...user.turns, vanished: () => undefined };
    },
  },
} satisfies { readonly [name: string]: Break };

export type BreakName = keyof typeof breaks;
