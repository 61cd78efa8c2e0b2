/** Users, reports, and what became of a message. */
import type { StepWords } from '../../console/index.ts';
import { UsageError } from '../options.ts';
import { gather, listActors } from './actors.ts';
import { type Errand, isMeant, reasonOf } from './connect.ts';
import { bytes, table, time } from './table.ts';

/** Those whose name begins so. */
export async function users(errand: Errand): Promise<number> {
  return listActors(errand, 'user', errand.words[0] ?? '');
}

/** `user NAME`, `user NAME revoke DEVICE`, `user NAME deactivate`. */
export async function user(errand: Errand): Promise<number> {
  const { client, terminal, json, words } = errand;
  const [name, verb, device] = words;
  if (name === undefined) throw new UsageError('Which user? ringpost admin user alice');
  if (verb === 'revoke') return revoke(errand, name, device);
  if (verb === 'deactivate') return deactivate(errand, name);
  if (verb !== undefined) throw new UsageError(`user NAME, with revoke DEVICE or deactivate; not "${verb}".`);
  const found = await client.call('GetUser', { user: name });
  if (json) {
    terminal.say(JSON.stringify(found, null, 2));
    return 0;
  }
  const devices = table(found.devices, [
    { head: 'DEVICE', of: (one) => one.device },
    { head: 'SINCE', of: ({ since }) => time(since) },
    { head: 'SEEN', of: ({ seen }) => time(seen) },
    { head: 'STATE', of: ({ online }) => (online ? 'online' : 'offline') },
  ]);
  terminal.say(`${name} is ${found.state}, in partition ${found.partition} on ${found.node}.\n\n${devices}`);
  return 0;
}

async function revoke(errand: Errand, name: string, device: string | undefined): Promise<number> {
  const { client, terminal, json } = errand;
  if (device === undefined) throw new UsageError(`Which device? ringpost admin user ${name} lists them.`);
  if (!(await isMeant(errand, `${name} has to log in anew on ${device}.`, device))) return 1;
  const done = await client.call('RevokeDevice', { user: name, device, reason: await reasonOf(errand) });
  terminal.say(json ? JSON.stringify(done) : `The session of ${name} on ${device} has ended.`);
  return 0;
}

async function deactivate(errand: Errand, name: string): Promise<number> {
  const { client, terminal, json } = errand;
  if (!(await isMeant(errand, `The account of ${name} ends for good, and what it kept is deleted.`, name))) return 1;
  const done = await client.call('DeactivateUser', { user: name, reason: await reasonOf(errand) });
  terminal.say(json ? JSON.stringify(done) : `The account of ${name} has ended.`);
  return 0;
}

export async function reports(errand: Errand): Promise<number> {
  const { client, terminal, json } = errand;
  const list = await gather(errand, async (at) => {
    const { reports: found, next } = await client.call('ListReports', at);
    return { list: found, next };
  });
  terminal.say(
    json
      ? JSON.stringify(list, null, 2)
      : table(list, [
          { head: 'WHEN', of: ({ at }) => time(at) },
          { head: 'BY', of: ({ by }) => by },
          { head: 'OF', of: (report) => report.user },
          { head: 'REASON', of: ({ reason }) => reason },
          {
            head: 'WORDS',
            of: ({ text, messageBody }) => [text, messageBody].filter((words) => words !== '').join(' / '),
          },
        ]),
  );
  return 0;
}

/** `trace SENDER ID`, or `trace SENDER/ID`. */
export async function trace({ client, terminal, json, words }: Errand): Promise<number> {
  const [sender, id] = words.length === 1 ? (words[0] ?? '').split('/', 2) : words;
  if (!sender || !id) throw new UsageError('Of which message? ringpost admin trace alice MESSAGE-ID');
  const found = await client.call('TraceMessage', { sender, id });
  terminal.say(
    json
      ? JSON.stringify(found, null, 2)
      : `message ${found.seq} of ${sender} to ${found.to}\n\n${table(found.steps, [
          { head: 'STEP', of: ({ step, why }) => (why === '' ? step : `${step}: ${why}`) },
          { head: 'AT', of: ({ at }) => time(at) },
          { head: 'AFTER MS', of: ({ at, afterMs }) => (at === 0 ? '-' : `${afterMs}`) },
          { head: 'NODE', of: ({ node }) => node },
          { head: 'RECORD', of: recordWords },
          { head: 'ACTOR', of: ({ actor, detail }) => (detail === '' ? actor : `${actor}, ${detail}`) },
        ])}`,
  );
  return 0;
}

/** `7/1204, 12 rows, 3.1 kB`: partition and number, and the group commit that it was part of. */
function recordWords({ partition, record, recordBytes, recordRows }: StepWords): string {
  if (record === 0) return '-';
  return `${partition}/${record}${recordBytes === 0 ? '' : `, ${recordRows} rows, ${bytes(recordBytes)}`}`;
}
