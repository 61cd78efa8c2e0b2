/** What happens, as it happens: events, and samples of mail. One line each, until it is ended. */
import { spanMs } from '../../client/chat/text.ts';
import type { EventWords, MailSampleWords } from '../../console/index.ts';
import { type Options, textOf, UsageError, wholeNumber } from '../options.ts';
import { partitionOf } from './cluster.ts';
import { type Errand, failed, isAdminError } from './connect.ts';
import { time } from './table.ts';

const since_default = '1h';
const since_ms_max = 7 * 24 * 3_600_000;
const seconds_default = 10;
const seconds_max = 24 * 3_600;
const share_default = '0.01';

export const watchOptions = {
  follow: { type: 'boolean' },
  since: { type: 'string' },
  kind: { type: 'string' },
  share: { type: 'string' },
  seconds: { type: 'string' },
} as const;

/** What has happened lately; with `--follow`, and what happens then. */
export async function events({ client, options, terminal, json }: Errand): Promise<number> {
  const follow = options.follow === true;
  const sinceMs = msOf(textOf(options, 'since', since_default));
  const stopping = stopped();
  try {
    for await (const { events: told, missed } of client.stream('WatchEvents', { sinceMs }, stopping.signal)) {
      if (missed > 0) terminal.tell(`${missed} events were left out: there were too many.`);
      for (const one of told) terminal.say(json ? JSON.stringify(one) : eventLine(one));
      if (!follow) break;
    }
    return 0;
  } catch (error) {
    return ended(error, stopping.signal, terminal);
  } finally {
    stopping.forget();
  }
}

function eventLine({ at, isBad, words }: EventWords): string {
  return `${time(at)} ${isBad ? '!' : ' '} ${words}`;
}

/** Of some of the mail, for so many seconds: who to whom, which word, how long it took. */
export async function mail({ client, options, terminal, json }: Errand): Promise<number> {
  const share = Number(textOf(options, 'share', share_default));
  if (!(share > 0 && share <= 1))
    throw new UsageError('--share takes more than 0, and 1 at most: 0.01 is one in a hundred.');
  const ms = wholeNumber(options, 'seconds', seconds_default, 1, seconds_max) * 1_000;
  const stopping = stopped(ms);
  const request = { kind: textOf(options, 'kind', ''), share, ...onlyPartition(options) };
  const silent = new Set<string>();
  try {
    if (!json) terminal.say(mailLine(['WHEN', 'NODE', 'PART', 'TURN US', 'BYTES', 'MAIL', 'TO', 'FROM']));
    for await (const news of client.stream('WatchMail', request, stopping.signal)) {
      for (const one of news.mails) terminal.say(json ? JSON.stringify(one) : mailLine(cellsOf(one)));
      if (news.missed > 0) terminal.tell(`${news.missed} mails were left out: there were too many.`);
      for (const node of news.silent.filter((name) => !silent.has(name))) {
        silent.add(node);
        terminal.tell(`${node} does not tell of its mail: it does not answer, is older, or has enough who watch.`);
      }
    }
    return 0;
  } catch (error) {
    return ended(error, stopping.signal, terminal);
  } finally {
    stopping.forget();
  }
}

function onlyPartition({ partition }: Options): { partition?: number } {
  if (partition === undefined) return {};
  return { partition: partitionOf(String(partition)) };
}

function cellsOf({ at, node, partition, turnUs, bytes, word, to, from }: MailSampleWords): string[] {
  return [time(at), node, String(partition), String(turnUs), String(bytes), word, to, from === '' ? '-' : from];
}

const widths = [20, 8, 4, 8, 7, 14, 28, 0];

function mailLine(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i >= 2 && i <= 4 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
    .join(' ')
    .trimEnd();
}

function msOf(text: string): number {
  const ms = spanMs(text);
  if (ms === undefined || ms > since_ms_max)
    throw new UsageError(`--since takes a time such as 90s, 10m, 2h or 7d at most, not "${text}".`);
  return ms;
}

/** Ctrl-C, or that the time is over, ends it well. */
function stopped(ms?: number): { readonly signal: AbortSignal; forget(): void } {
  const control = new AbortController();
  const abort = (): void => control.abort();
  const timer = ms === undefined ? undefined : setTimeout(abort, ms);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, abort);
  return {
    signal: control.signal,
    forget() {
      clearTimeout(timer);
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, abort);
    },
  };
}

function ended(error: unknown, signal: AbortSignal, terminal: Errand['terminal']): number {
  if (signal.aborted) return 0;
  if (isAdminError(error)) return failed(error, terminal);
  throw error;
}
