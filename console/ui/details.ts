/** Screens of one thing, and lists. Each is lines above a list, and the list's rows, one of which is chosen. */
import type { PartitionWords, TurnWords } from '../words.ts';
import type { Screen, State } from './model.ts';
import { age, clock, moment, short } from './numbers.ts';
import { alarmLines, eventLines, type Look, plotLine, stateOf } from './overview.ts';
import { copyMark, partitionsOn } from './places.ts';
import { type Line, left, line, right, wrap } from './spans.ts';

interface Detail {
  readonly title: string;
  readonly above: readonly Line[];
  readonly head?: string;
  /** In the order of `rowsOf`. */
  readonly rows: readonly Line[];
}

const text = (words: string): Line => line(words);

export function detail(state: State, screen: Screen, look: Look, help: readonly string[]): Detail {
  switch (screen.kind) {
    case 'overview':
      return { title: '', above: [], rows: [] };
    case 'help':
      return { title: 'KEYS', above: help.map(text), rows: [] };
    case 'alarms': {
      const lines = alarmLines(state);
      return { title: 'ALARMS', above: lines.length === 0 ? [text('none')] : lines, rows: [] };
    }
    case 'events':
      return { title: 'EVENTS, newest first', above: [], rows: eventLines([...state.events].reverse()) };
    case 'mail':
      return mailDetail(state, look);
    case 'partitions': {
      const partitions = state.cluster?.partitions ?? [];
      return { title: 'PARTITIONS', above: [], head: partitionHead, rows: partitions.map(partitionRow) };
    }
    case 'node':
      return nodeDetail(state, screen.name, look);
    default:
      return asked(screen, look);
  }
}

const partitionHead = ' ID OWNER    EPOCH   RECORD REC/S COPIES (lag)  AWAKE  MBOX   OUT  STATE PIN';

function partitionRow(partition: PartitionWords): Line {
  const { id, owner, epoch, number, answered, awakeActors, waitingMails, outboxMails, snapshotBytes } = partition;
  const { recordRate, pinnedTo } = partition;
  const copies = partition.standbys.map(({ node, lag, likeness }) => {
    return `${node}${likeness === 'OTHER' ? ' differs' : lag > 0 ? ` -${lag}` : ''}`;
  });
  const owned = owner === '' ? '(none)' : answered ? owner : `${owner}?`;
  const words = [
    `${right(String(id), 3)} ${left(owned, 8)} ${right(String(epoch), 5)} ${right(String(number), 8)} ${right(short(recordRate), 5)} `,
    `${left(`${copyMark(partition)} ${copies.join(', ') || 'none'}`, 13)} ${right(short(awakeActors), 5)} `,
    `${right(short(waitingMails), 5)} ${right(short(outboxMails), 5)} ${right(short(snapshotBytes), 6)}${pinnedTo === '' ? '' : ` ${pinnedTo}`}`,
  ].join('');
  return line(words, owner === '' ? { color: 'red' } : {});
}

function pinWords(pinnedTo: string, owner: string): string {
  const where = pinnedTo === owner ? 'and there it is' : 'it moves there once that has a warm copy and owners rest';
  return `pinned to ${pinnedTo} by an operator: ${where}`;
}

function mailDetail({ mail }: State, look: Look): Detail {
  const { mails, missed, redacted, trouble } = mail;
  const notes = [
    ...(missed === 0 ? [] : [`${missed} left out: there were too many`]),
    ...(redacted ? ['names are redacted: your role may not read them'] : []),
  ];
  const rows = mails.map(({ at, node, partition, turnUs, bytes, word, to, from }) =>
    text(
      `${clock(at)} ${left(node, 6)} ${right(String(partition), 4)} ${right(short(turnUs), 6)} ${right(short(bytes), 6)} ${left(word, 12)} ${to}${from === '' ? '' : ` from ${from}`}`,
    ),
  );
  return {
    title: 'MAIL, some of it, newest first',
    above: [
      ...(trouble === '' ? [] : wrap(trouble, look.columns).map((words) => line(words, { color: 'red' }))),
      ...(notes.length === 0 ? [] : [line(notes.join('; '), { dim: true })]),
    ],
    head: `WHEN     NODE   PART TURNUS  BYTES ${left('MAIL', 12)} TO`,
    rows,
  };
}

function nodeDetail(state: State, name: string, look: Look): Detail {
  const node = state.cluster?.nodes.find((one) => one.name === name);
  if (node === undefined) return { title: `NODE ${name}`, above: [text('it is not heard of any more')], rows: [] };
  const samples = state.history.nodes[name] ?? [];
  const up = node.startedAt === 0 ? '' : `, up ${age((state.cluster?.at ?? 0) - node.startedAt)}`;
  const figures = Object.entries(node.figures).map(([key, value]) => `${key} ${key === 'pid' ? value : short(value)}`);
  const above = [
    text(
      `${stateOf(node)}${up}; ${node.role || 'role not known'}; ${node.fitness || 'fitness not known'}; format ${node.format}; view ${node.view}`,
    ),
    text(
      `owns ${node.owns}, copies ${node.copies}; ${short(node.awakeActors)} actors awake; clients at ${node.notice || '(not told)'}`,
    ),
    text(
      `since its start: ${short(node.turns)} turns, ${short(node.appends)} appends, ${short(node.records)} records, ${short(node.recordBytes)} bytes`,
    ),
    ...wrap(figures.join('  '), look.columns).slice(0, 3).map(text),
    plotLine(
      'turns/s',
      samples.map(({ turns }) => turns),
      look,
    ),
    plotLine(
      'records/s',
      samples.map(({ records }) => records),
      look,
    ),
    plotLine(
      'waiting',
      samples.map(({ waiting }) => waiting),
      look,
    ),
    plotLine(
      'cpu %',
      samples.map(({ cores }) => cores * 100),
      look,
    ),
  ];
  return { title: `NODE ${name}`, above, head: partitionHead, rows: partitionsOn(state, name).map(partitionRow) };
}

function asked(screen: Extract<Screen, { query: unknown }>, look: Look): Detail {
  const title = titleOf(screen);
  if (screen.answer.kind === 'asking') return { title, above: [text('asking …')], rows: [] };
  if (screen.answer.kind === 'failed') {
    return {
      title,
      above: wrap(screen.answer.words, look.columns).map((words) => line(words, { color: 'red' })),
      rows: [],
    };
  }
  return { title, ...contents(screen, look) };
}

function titleOf(screen: Extract<Screen, { query: unknown }>): string {
  switch (screen.kind) {
    case 'partition':
      return `PARTITION ${screen.id}`;
    case 'actors': {
      const { kind, keyPrefix } = screen.query.request;
      return `ACTORS ${kind}/${keyPrefix}*`;
    }
    case 'actor':
      return `ACTOR ${screen.query.request.address}`;
    case 'rows':
      return `ROWS of ${screen.query.request.table}, ${screen.query.request.address}`;
    case 'letters':
      return 'DEAD LETTERS: mails whose turns threw too often';
    case 'letter':
      return `DEAD LETTER ${screen.query.request.id} of partition ${screen.query.request.partition}`;
    case 'trace':
      return `TRACE of ${screen.query.request.id}, sent by ${screen.query.request.sender}`;
    case 'audit':
      return 'AUDIT: what operators have changed, newest first';
  }
}

type Contents = Omit<Detail, 'title'>;

function contents(screen: Extract<Screen, { query: unknown }>, look: Look): Contents {
  if (screen.answer.kind !== 'here') return { above: [], rows: [] };
  switch (screen.kind) {
    case 'partition': {
      const { partition, channels } = screen.answer.value;
      const { owner, pinnedTo, hash, snapshotAt, snapshotBytes, snapshotFailures, rowsWaiting, recordBytes, byteRate } =
        partition;
      const above = [
        line(partitionHead, { dim: true }),
        partitionRow(partition),
        ...(pinnedTo === '' ? [] : [text(pinWords(pinnedTo, owner))]),
        text(
          `hash ${hash.toString(16).padStart(8, '0')}; ${rowsWaiting} rows wait for the store; ${short(recordBytes)} bytes of records, ${short(byteRate)} a second`,
        ),
        text(
          `snapshot ${snapshotAt === 0 ? 'not known' : `${moment(snapshotAt)}, ${short(snapshotBytes)} bytes`}; ${snapshotFailures} failed`,
        ),
        [],
      ];
      const rows = channels.map(({ partition: other, nextSeq, settled, waiting, watermark }) =>
        text(
          `${right(String(other), 7)} ${right(String(nextSeq - 1), 10)} ${right(String(settled), 10)} ${right(String(waiting), 8)} ${right(String(watermark), 10)}`,
        ),
      );
      return { above, head: 'CHANNEL       SENT    SETTLED  WAITING   RECEIVED', rows };
    }
    case 'actors':
      return {
        above: [],
        head: `${left('ACTOR', 40)} PARTITION NODE     STATE   MBOX`,
        rows: screen.answer.value.actors.map(({ address, partition, node, awake, waitingMails }) =>
          text(
            `${left(address, 40)} ${right(String(partition), 9)} ${left(node, 8)} ${left(awake ? 'awake' : 'asleep', 6)} ${right(short(waitingMails), 5)}`,
          ),
        ),
      };
    case 'actor': {
      const { partition, node, epoch, awake, idleMs, waitingMails, tables, timers, turns } = screen.answer.value;
      const above = [
        text(
          `in partition ${partition} on ${node || '(nobody)'}, epoch ${epoch}; ${awake ? `awake, last mail ${age(idleMs)} ago` : 'asleep'}`,
        ),
        ...wrap(`mailbox: ${waitingMails.join(', ') || 'empty'}`, look.columns)
          .slice(0, 3)
          .map(text),
        ...timers.slice(0, 5).map(({ name, at, mail }) => text(`timer ${name}: ${mail} at ${moment(at)}`)),
        ...turnLines(turns),
        [],
      ];
      return { above, head: 'TABLES', rows: tables.map(text) };
    }
    default:
      return lists(screen, look);
  }
}

function lists(screen: Extract<Screen, { query: unknown }>, look: Look): Contents {
  if (screen.answer.kind !== 'here') return { above: [], rows: [] };
  switch (screen.kind) {
    case 'rows': {
      const { rows, redacted } = screen.answer.value;
      const note = redacted ? [line('redacted: your role may not read text', { dim: true })] : [];
      return { above: note, head: 'KEY = VALUE', rows: rows.map(({ key, value }) => text(`${key} = ${value}`)) };
    }
    case 'letters':
      return {
        above: [],
        head: `PART WHEN     ${left('KIND', 16)} ${left('TO', 24)} WHY`,
        rows: screen.answer.value.letters.map(({ partition, at, kind, to, why }) =>
          text(`${right(String(partition), 4)} ${moment(at).slice(11, 19)} ${left(kind, 16)} ${left(to, 24)} ${why}`),
        ),
      };
    case 'letter': {
      const { to, from, kind, why, at, body, redacted } = screen.answer.value;
      const words = [
        `${kind} to ${to} from ${from || '(no actor)'}, ${moment(at)}`,
        `why: ${why}`,
        ...(redacted ? ['redacted:'] : []),
        body,
      ];
      return { above: words.flatMap((one) => wrap(one, look.columns)).map(text), rows: [] };
    }
    case 'trace': {
      const { to, seq, steps } = screen.answer.value;
      const lines = steps.map(({ step, actor, node, partition, record, at, afterMs, detail, why }) => {
        const where = record === 0 ? '' : `${partition}/${record}`;
        const when = at === 0 ? left('', 33) : `${moment(at)} ${right(`+${afterMs} ms`, 12)}`;
        return text(`${left(step, 10)} ${when}  ${left(node, 8)} ${left(where, 10)} ${actor} ${detail}${why}`);
      });
      return { above: [text(`to ${to}, number ${seq}`), [], ...lines], rows: [] };
    }
    case 'audit':
      return {
        above: [],
        head: `   NO WHEN                 ${left('WHO', 12)} WHAT`,
        rows: screen.answer.value.entries.map(({ number, at, who, method, target, reason, outcome }) =>
          text(`${right(String(number), 5)} ${moment(at)} ${left(who, 12)} ${method} ${target}: ${outcome}; ${reason}`),
        ),
      };
    default:
      return { above: [], rows: [] };
  }
}

const turns_shown = 8;

/** The newest first; they are kept while the screen is seen. */
function turnLines(turns: readonly TurnWords[]): Line[] {
  if (turns.length === 0) return [line('turns: seen from now on', { dim: true })];
  const head = `TURN      ${left('MAIL', 14)} ${left('FROM', 20)}      µs ROWS MAIL OTHER`;
  const rows = turns.slice(-turns_shown).reverse();
  return [
    line(head, { dim: true }),
    ...rows.map(({ mail, from, by, at, tookUs, rows: written, mails, outputs, threw }) => {
      const about = `${moment(at).slice(11)} ${left(mail, 14)} ${left(from || `(${by})`, 20)} ${right(short(tookUs), 7)}`;
      // What threw has left nothing.
      if (threw !== '') return line(`${about} ${threw}`, { color: 'red' });
      return text(`${about} ${right(String(written), 4)} ${right(String(mails), 4)} ${right(String(outputs), 5)}`);
    }),
  ];
}
