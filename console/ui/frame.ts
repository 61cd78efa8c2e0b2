/** A whole screen: title, alarms, what the screen shows, and the keys that work on it. */
import { alarmsOf } from './alarms.ts';
import { detail } from './details.ts';
import { nextOf, nodeOf } from './keys.ts';
import { type Prompt, type Screen, type State, screenOf } from './model.ts';
import { age, clock, countOf } from './numbers.ts';
import { alarmLines, type Look, overview } from './overview.ts';
import { colorless, fit, type Line, line, span } from './spans.ts';

const columns_min = 60;
const rows_min = 16;
/** Answers come once a second; older than this, what is seen may not be so any more, ms. */
const stale_ms = 3_000;

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly isUtf8: boolean;
  readonly hasColors: boolean;
}

/** Each in 78 columns. */
const helpWords: readonly string[] = [
  'Up Down (k j) PgUp PgDn choose, Enter goes in, Esc goes back, q (Ctrl-C) quits',
  'p partitions  d dead letters  u audit log  e events  m mail  ! alarms  ? this',
  'a an actor: user/alice; user/al* lists names that begin so; user all of a kind',
  't trace of a message: who sent it, and its id',
  '',
  'What changes something wants its name typed, and a reason for the audit log:',
  '  D drain, R resume    on the first screen, and that of a node',
  '  S snapshot, V verify, M move to a node     on that of a partition',
  '  B rebalance: no pins, the ring decides     on the list of partitions',
  '  R replay, X drop     on that of a dead letter',
  'In lists, and of what was asked for: r looks again, n goes to the next page',
  '',
  'First screen: the character before a node is its mark in the strip below.',
  'Beside it: - no copy, ~ a copy lags, ! a copy differs; ?? no owner, x dead.',
  'T/REC turns a record; MBOX mails in mailboxes; OUT mails not taken yet;',
  'answer ms: how long all partitions took to say whether they have dead letters',
];

/** One row less than the terminal has: a full one would scroll. `nowMs`: this machine's clock. */
export function frame(state: State, terminal: Terminal, nowMs: number): Line[] {
  const { columns, rows, isUtf8, hasColors } = terminal;
  if (columns < columns_min || rows < rows_min) {
    const words = `Too small: ${columns_min}x${rows_min} at least, better 80x24; q quits`;
    return [fit(line(words), columns)];
  }
  const screen = screenOf(state);
  const head = [titleLine(state, nowMs), alarmLine(state)];
  const foot =
    state.prompt === undefined
      ? [noticeLine(state), keyLine(state, screen, columns)]
      : promptLines(state.prompt, state);
  const room = rows - 1 - head.length - foot.length;
  const look: Look = { columns, rows: room, isUtf8 };
  const body = bodyOf(state, screen, look);
  const filled = [...body, ...Array.from({ length: Math.max(0, room - body.length) }, (): Line => [])].slice(0, room);
  const lines = [...head, ...filled, ...foot].map((one) => fit(one, columns));
  const drawn = hasColors ? lines : colorless(lines);
  return isUtf8 ? drawn : drawn.map((one) => one.map((part) => ({ ...part, text: asciiOf(part.text) })));
}

function bodyOf(state: State, screen: Screen, look: Look): Line[] {
  if (screen.kind === 'overview') {
    return state.cluster === undefined ? connecting(state) : overview(state, screen.at, look);
  }
  const { title, above, head, rows } = detail(state, screen, look, helpWords);
  const top = [
    line(title, { bold: true }),
    ...above,
    ...(head === undefined ? [] : [line(`  ${head}`, { dim: true })]),
  ];
  const room = Math.max(1, look.rows - top.length);
  const from = Math.max(0, Math.min(screen.at - Math.floor(room / 2), rows.length - room));
  const shown = rows.slice(from, from + room).map((row, i): Line => {
    const isChosen = from + i === screen.at;
    return [
      span(isChosen ? '> ' : '  ', { bold: true }),
      ...row.map((part) => (isChosen ? { ...part, bold: true } : part)),
    ];
  });
  const none = rows.length === 0 && head !== undefined ? [line('  none', { dim: true })] : [];
  return [...top, ...shown, ...none];
}

function connecting({ addresses, trouble }: State): Line[] {
  return [
    line(`Asking ${addresses.join(', ')} …`),
    ...(trouble === '' ? [] : [line(`! ${trouble}`, { color: 'red' })]),
    ...(trouble === '' ? [] : [line('Going on trying. Is a node there, with --admin-port?')]),
  ];
}

function titleLine({ cluster, address, heardAt, trouble }: State, nowMs: number): Line {
  const name = span('Ringpost', { bold: true });
  if (cluster === undefined) return [name, span(`  not connected  ${trouble}`, { dim: true })];
  const what = `  ${countOf(cluster.nodes.length, 'node')}, ${countOf(cluster.partitions.length, 'partition')}, view ${cluster.view}`;
  const silentMs = nowMs - heardAt;
  if (address === undefined || silentMs > stale_ms) {
    return [name, span(what), span(`  ! nobody answers, this is ${age(silentMs)} old`, { color: 'red', bold: true })];
  }
  return [name, span(what), span(`  from ${cluster.answeredBy} at ${address}  ${clock(heardAt)}`, { dim: true })];
}

function alarmLine(state: State): Line {
  if (state.cluster === undefined) return [];
  if (state.address === undefined) return line(`! ${state.trouble}; asking the others`, { color: 'red' });
  const count = alarmsOf(state.cluster, state.letters, state.audit).length;
  if (count === 0) return [span('no alarms', { color: 'green' })];
  const [worst = []] = alarmLines(state);
  return count === 1 ? worst : [...worst, span(`  (and ${count - 1} more: press !)`, { dim: true })];
}

function noticeLine({ notice }: State): Line {
  if (notice === undefined) return [];
  return notice.isBad
    ? line(`! ${notice.words}`, { color: 'red', bold: true })
    : line(notice.words, { color: 'green' });
}

function keyLine(state: State, screen: Screen, columns: number): Line {
  const keys: string[] = [];
  if (nodeOf(state, screen) !== undefined) keys.push('D drain', 'R resume');
  if (screen.kind === 'partition') keys.push('S snapshot', 'M move', 'V verify');
  if (screen.kind === 'partitions') keys.push('B rebalance');
  if (screen.kind === 'letter') keys.push('R replay', 'X drop');
  if ('query' in screen) keys.push('r again');
  if (nextOf(screen) !== undefined) keys.push('n next');
  const back = state.stack.length > 1 ? ['Esc back'] : [];
  // What does not fit is left out from the end: `?` tells the rest.
  const all = [
    '? help',
    'q quit',
    ...back,
    ...keys,
    'p partitions',
    'd dead',
    'a actor',
    't trace',
    'u audit',
    'm mail',
  ];
  let words = '';
  for (const key of all) {
    const more = words === '' ? key : `${words}  ${key}`;
    if (more.length > columns) break;
    words = more;
  }
  return line(words, { inverse: true });
}

function promptLines({ title, fields, field }: Prompt, state: State): Line[] {
  const shown = fields.slice(0, field + 1).map(({ label, value }, i): Line => {
    return [span(`${label}: `), span(value, { bold: true }), span(i === field ? '_' : '')];
  });
  return [
    line(title, { bold: true }),
    ...shown,
    noticeLine(state),
    line('Enter goes on  Esc leaves all as it is', { inverse: true }),
  ];
}

function asciiOf(text: string): string {
  return text
    .replaceAll('→', '->')
    .replaceAll('…', '...')
    .replace(/[^\x20-\x7e]/gu, '?');
}
