/** Calls that answer without end: who may begin one, and what becomes of it when somebody leaves. */
import {
  type handleServerStreamingCall,
  type Metadata,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Caller } from './access.ts';
import { Backups } from './backup.ts';
import { Changes } from './changes.ts';
import { EventFeed } from './event-feed.ts';
import { Failure, refusalOf } from './failures.ts';
import type { callerOf } from './guard.ts';
import type { ServiceOptions } from './service.ts';
import { type Call, type End, watchEvents, watchMail } from './streams.ts';
import { survey } from './survey.ts';
import type { Item, StreamName, StreamRequest } from './words.ts';

/** Of a node, whatever they watch. */
export const watchers_max = 32;
const watch_ms = { default: 1_000, min: 250 };

type Stream = ServerWritableStream<unknown, unknown>;
export type Watches = Set<Stream>;

type CallerAt = (call: { readonly metadata: Metadata; getAuthContext(): Parameters<typeof callerOf>[2] }) => Caller;

export interface Streaming {
  readonly implementation: UntypedServiceImplementation;
  close(): void;
}

export function streaming(options: ServiceOptions, callerAt: CallerAt, watches: Watches): Streaming {
  const { node, kinds, log } = options;
  const feed = new EventFeed(node, kinds.audit);
  const backups = new Backups(options.backup, new Changes(node, kinds.audit, log));
  const begun = new Set<Stream>();
  /** `begin` throws a Failure where there is nothing to begin, and rejects with one where it came to nothing. */
  const served = <S extends StreamName>(
    begin: (call: Call<S>, caller: Caller) => End | Promise<void>,
  ): handleServerStreamingCall<StreamRequest<S>, Item<S>> => {
    return (call) => {
      const stream = call as unknown as Stream;
      let end: End = () => {};
      let isOver = false;
      const over = (): void => {
        if (isOver) return;
        isOver = true;
        begun.delete(stream);
        watches.delete(stream);
        end();
      };
      for (const name of ['cancelled', 'close', 'error'] as const) stream.on(name, over);
      const failed = (error: unknown): void => {
        over();
        stream.emit('error', refusalOf(error, log, stream.getPath()));
      };
      try {
        const caller = callerAt(call);
        if (begun.size >= watchers_max)
          throw new Failure(status.RESOURCE_EXHAUSTED, `${watchers_max} watch this node already: ask another`);
        begun.add(stream);
        watches.add(stream);
        const on = begin(call, caller);
        if (typeof on === 'function') {
          end = on;
          if (isOver) on();
        } else on.then(() => stream.end(), failed);
      } catch (error) {
        failed(error);
      }
    };
  };
  return {
    implementation: {
      WatchCluster: served<'WatchCluster'>((call) => {
        const { everyMs } = call.request;
        const ms = everyMs === 0 ? watch_ms.default : Math.max(watch_ms.min, everyMs);
        return everySoOften(call, watches, ms, () => survey(node));
      }),
      WatchEvents: served<'WatchEvents'>((call) => watchEvents(feed, call)),
      WatchMail: served<'WatchMail'>((call, caller) => watchMail(options, caller, call)),
      Backup: served<'Backup'>((call, caller) => backups.make(call, caller)),
    },
    close: () => feed.close(),
  };
}

/** Calls again and again until whoever watches goes, or reads too slowly for the next. */
export function everySoOften(
  call: Stream | Call<'WatchCluster'>,
  watches: Watches,
  ms: number,
  next: () => Promise<unknown>,
): End {
  const stream = call as Stream;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let drained = true;
  const over = (): void => {
    clearTimeout(timer);
    watches.delete(stream);
  };
  const look = async (): Promise<void> => {
    if (drained) {
      const value = await next();
      if (!watches.has(stream)) return;
      if (value !== undefined) drained = stream.write(value);
    }
    timer = setTimeout(() => void look().catch(() => stream.end()), ms);
  };
  watches.add(stream);
  stream.on('drain', () => {
    drained = true;
  });
  for (const name of ['cancelled', 'close', 'error'] as const) stream.on(name, over);
  void look().catch(() => stream.end());
  return over;
}
