/** The methods of the Admin service that answer without end. */
import { randomUUID } from 'node:crypto';
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import type { Caller } from './access.ts';
import type { EventFeed } from './event-feed.ts';
import { Failure, invalid } from './failures.ts';
import { shownText } from './redact.ts';
import { mayAct } from './roles.ts';
import type { ServiceOptions } from './service.ts';
import type { EventWords, Item, MailSampleWords, StreamName, StreamRequest } from './words.ts';

/** That wait for one who watches and reads slowly; the oldest make room. */
const events_waiting_max = 1_000;
const since_ms_max = 7 * 24 * 3_600_000;
const mail_every_ms = 500;
const mail_wait_ms = 1_500;
const share_default = 0.01;

/** One caller's end of a stream. */
export type Call<S extends StreamName> = ServerWritableStream<StreamRequest<S>, Item<S>>;

/** Ends what was begun for a caller who has gone; called once. */
export type End = () => void;

/** Throws a Failure where there is nothing to begin. */
export function watchEvents(feed: EventFeed, call: Call<'WatchEvents'>): End {
  const { sinceMs } = call.request;
  if (sinceMs < 0 || sinceMs > since_ms_max) throw invalid(`since_ms takes 0 to ${since_ms_max}`);
  const queue = new EventQueue(events_waiting_max);
  let isWritable = true;
  const pump = (): void => {
    if (!isWritable) return;
    const news = queue.take();
    if (news !== undefined) isWritable = call.write(news);
  };
  call.on('drain', () => {
    isWritable = true;
    pump();
  });
  return feed.join(sinceMs, (events, missed) => {
    queue.add(events, missed);
    pump();
  });
}

/** Events on their way to one who may read slowly. */
export class EventQueue {
  readonly #max: number;
  #events: EventWords[] = [];
  #missed = 0;
  #hasNews = false;

  constructor(max: number) {
    this.#max = max;
  }

  add(events: readonly EventWords[], missed: number): void {
    this.#events.push(...events);
    const over = Math.max(0, this.#events.length - this.#max);
    this.#events.splice(0, over);
    this.#missed += missed + over;
    this.#hasNews = true;
  }

  /** All that waits, and how many were left out; undefined where nothing was added since. */
  take(): Item<'WatchEvents'> | undefined {
    if (!this.#hasNews) return undefined;
    const news = { events: this.#events, missed: this.#missed };
    this.#events = [];
    this.#missed = 0;
    this.#hasNews = false;
    return news;
  }
}

/** Asks all nodes again and again: that keeps them sampling, and they stop by themselves when nobody asks any more. */
export function watchMail({ node }: ServiceOptions, caller: Caller, call: Call<'WatchMail'>): End {
  const { kind, partition, share: wanted } = call.request;
  const share = wanted === 0 ? share_default : wanted;
  if (!(share > 0 && share <= 1)) throw invalid('a share is more than 0, and 1 at most');
  if (!/^[a-z0-9-]{0,64}$/.test(kind)) throw invalid(`"${kind}" is no kind of actor`);
  if (partition !== undefined && partition >= node.view.owners.length) {
    throw new Failure(status.NOT_FOUND, `there are partitions 0 to ${node.view.owners.length - 1}, not ${partition}`);
  }
  const mayRead = mayAct(caller.role, 'admin');
  const only = partition === undefined ? {} : { only: partition };
  const ask = { kind: 'mail', watch: randomUUID(), actorKind: kind, share, ...only } as const;
  let isOver = false;
  let isWritable = true;
  let isFirst = true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  call.on('drain', () => {
    isWritable = true;
  });
  const look = async (): Promise<void> => {
    if (isWritable) {
      const names = node.members.map((member) => member.node);
      const answers = await Promise.all(names.map((name) => node.inspect(ask, name, mail_wait_ms)));
      const mails: MailSampleWords[] = [];
      const silent: string[] = [];
      let missed = 0;
      for (const [i, answer] of answers.entries()) {
        const name = names[i] ?? '';
        if (answer.kind === 'none') silent.push(name);
        else {
          missed += answer.value.missed;
          for (const { from, to, ...rest } of answer.value.samples)
            mails.push({ ...rest, node: name, from: shownAddress(from, mayRead), to: shownAddress(to, mayRead) });
        }
      }
      if (isOver) return;
      mails.sort((a, b) => a.at - b.at);
      const isNews = isFirst || mails.length > 0 || missed > 0 || silent.length > 0;
      isFirst = false;
      if (isNews) isWritable = call.write({ mails, missed, redacted: !mayRead, silent });
    }
    timer = setTimeout(() => void look(), mail_every_ms);
  };
  void look();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** The kind alone, and how long the key is, for those who may not read names. */
export function shownAddress(address: string, mayRead: boolean): string {
  const cut = address.indexOf('/') + 1;
  return cut === 0 ? address : `${address.slice(0, cut)}${shownText(address.slice(cut), mayRead)}`;
}
