/** What a key does: a new state, and calls to make. */
import type { AskingScreen, Field, Intent, Prompt, Query, Screen, State } from './model.ts';
import { screenOf } from './model.ts';
import { asking, rowsOf } from './places.ts';

/** `text`: one character that was typed. */
export type Key =
  | { readonly name: 'up' | 'down' | 'pageUp' | 'pageDown' | 'enter' | 'esc' | 'backspace' | 'interrupt' }
  | { readonly name: 'text'; readonly text: string };

export type Effect =
  | { readonly kind: 'quit' }
  | { readonly kind: 'ask'; readonly query: Query }
  | { readonly kind: 'carryOut'; readonly what: string; readonly query: Query };

export interface Pressed {
  readonly state: State;
  readonly effects: readonly Effect[];
}

const page_rows = 10;
const field_chars_max = 500;

export function press(state: State, key: Key): Pressed {
  if (key.name === 'interrupt') return { state, effects: [{ kind: 'quit' }] };
  const { prompt } = state;
  if (prompt !== undefined) return typed(state, prompt, key);
  const seen = { ...state, notice: undefined };
  const screen = screenOf(seen);
  switch (key.name) {
    case 'up':
      return still(moved(seen, -1));
    case 'down':
      return still(moved(seen, 1));
    case 'pageUp':
      return still(moved(seen, -page_rows));
    case 'pageDown':
      return still(moved(seen, page_rows));
    case 'esc':
    case 'backspace':
      return still(seen.stack.length > 1 ? { ...seen, stack: seen.stack.slice(0, -1) } : seen);
    case 'enter':
      return entered(seen, screen);
    case 'text':
      return commanded(seen, screen, key.text);
  }
}

function still(state: State): Pressed {
  return { state, effects: [] };
}

function moved(state: State, rows: number): State {
  const screen = screenOf(state);
  const at = Math.max(0, Math.min(screen.at + rows, rowsOf(state, screen).length - 1));
  return { ...state, stack: [...state.stack.slice(0, -1), { ...screen, at }] };
}

function opened(state: State, screen: Screen): Pressed {
  const pushed = { ...state, stack: [...state.stack, screen] };
  return { state: pushed, effects: 'query' in screen ? [{ kind: 'ask', query: screen.query as Query }] : [] };
}

function entered(state: State, screen: Screen): Pressed {
  const next = rowsOf(state, screen)[screen.at]?.opens;
  return next === undefined ? still(state) : opened(state, next);
}

// ---------------------------------------------------------------- commands of one letter

function commanded(state: State, screen: Screen, letter: string): Pressed {
  if (letter === 'q') return { state, effects: [{ kind: 'quit' }] };
  return onScreen(state, screen, letter) ?? anywhere(state, screen, letter);
}

function anywhere(state: State, screen: Screen, letter: string): Pressed {
  const go = (to: Screen): Pressed => (to.kind === screen.kind ? still(state) : opened(state, to));
  switch (letter) {
    case '?':
      return go({ kind: 'help', at: 0 });
    case 'p':
      return go({ kind: 'partitions', at: 0 });
    case 'd':
      return go(asking.letters());
    case 'u':
      return go(asking.audit());
    case '!':
      return go({ kind: 'alarms', at: 0 });
    case 'e':
      return go({ kind: 'events', at: 0 });
    case 'm':
      return go({ kind: 'mail', at: 0 });
    case 'a':
      return still(
        prompted(state, 'An actor', [field('Actor, or the beginning of its name, such as user/alice')], {
          kind: 'actor',
        }),
      );
    case 't':
      return still(
        prompted(state, 'Trace a message', [field('Who sent it'), field('Its id, that the client gave it')], {
          kind: 'trace',
        }),
      );
    case 'j':
      return still(moved(state, 1));
    case 'k':
      return still(moved(state, -1));
    default:
      return still(state);
  }
}

/** What changes something is on the screen of the thing that it changes; the node that is chosen counts as such. */
function onScreen(state: State, screen: Screen, letter: string): Pressed | undefined {
  const node = nodeOf(state, screen);
  if (node !== undefined && letter === 'D') {
    const query: Query = { method: 'DrainNode', request: { node, reason: '' } };
    return still(
      deed(state, `Drain node ${node}: its partitions and clients go to the others`, node, query, `drain ${node}`),
    );
  }
  if (node !== undefined && letter === 'R') {
    const query: Query = { method: 'ResumeNode', request: { node, reason: '' } };
    return still(deed(state, `Node ${node} takes its share again`, node, query, `resume ${node}`));
  }
  if (screen.kind === 'partition' && letter === 'S') {
    const query: Query = { method: 'SnapshotPartition', request: { partition: screen.id, reason: '' } };
    return still(
      deed(
        state,
        `Snapshot of partition ${screen.id} now`,
        String(screen.id),
        query,
        `snapshot of partition ${screen.id}`,
      ),
    );
  }
  if (screen.kind === 'partition' && letter === 'M') {
    const title = `Move partition ${screen.id}: it goes to a node once that has a warm copy, and is pinned there`;
    const fields = [field('To which node'), field('Why? For the audit log')];
    return still(prompted(state, title, fields, { kind: 'move', partition: screen.id }));
  }
  if (screen.kind === 'partitions' && letter === 'B') {
    const query: Query = { method: 'Rebalance', request: { reason: '' } };
    return still(deed(state, 'Rebalance: no pins, the ring decides', 'rebalance', query, 'rebalance'));
  }
  if (screen.kind === 'partition' && letter === 'V') {
    const query: Query = { method: 'VerifyPartition', request: { partition: screen.id, reason: '' } };
    const words = `Verify partition ${screen.id}: it is replayed, and compared with what its owner holds`;
    return still(deed(state, words, String(screen.id), query, `partition ${screen.id}`));
  }
  if (screen.kind === 'letter' && (letter === 'R' || letter === 'X')) {
    const { partition, id } = screen.query.request;
    const method = letter === 'R' ? 'ReplayDeadLetter' : 'DropDeadLetter';
    const words = letter === 'R' ? `Replay ${id}: its mail has its turn once more` : `Drop ${id}: it is gone for good`;
    const query: Query = { method, request: { partition, id, reason: '' } };
    return still(deed(state, words, id, query, `${letter === 'R' ? 'replay' : 'drop'} of ${id}`));
  }
  if ('query' in screen && letter === 'r') return { state, effects: [{ kind: 'ask', query: screen.query as Query }] };
  if (letter === 'n') return nextPage(state, screen);
  return undefined;
}

export function nodeOf(state: State, screen: Screen): string | undefined {
  if (screen.kind === 'node') return screen.name;
  return screen.kind === 'overview' ? state.cluster?.nodes[screen.at]?.name : undefined;
}

function nextPage(state: State, screen: Screen): Pressed | undefined {
  const next = nextOf(screen);
  return next === undefined ? undefined : opened(state, next);
}

/** The screen of the page after this one, for lists that have more. */
export function nextOf(screen: Screen): Screen | undefined {
  if (!('query' in screen) || screen.answer.kind !== 'here') return undefined;
  const { value } = screen.answer;
  if ('next' in value && value.next !== '' && 'page' in screen.query.request) {
    const query = { ...screen.query, request: { ...screen.query.request, page: value.next } };
    return { ...screen, at: 0, query, answer: { kind: 'asking' } } as AskingScreen;
  }
  if (screen.kind === 'audit' && screen.answer.value.entries.length > 0) {
    const { number } = screen.answer.value.entries.at(-1) ?? { number: 0 };
    return number > 1 ? asking.audit(number) : undefined;
  }
  return undefined;
}

// ---------------------------------------------------------------- prompts

function field(label: string, more: Partial<Field> = {}): Field {
  return { label, value: '', ...more };
}

function prompted(state: State, title: string, fields: readonly Field[], intent: Intent): State {
  return { ...state, prompt: { title, fields, field: 0, intent } };
}

function deed(state: State, title: string, name: string, query: Query, what: string): State {
  const fields = [field(`Type ${name} to confirm`, { must: name }), field('Why? For the audit log')];
  return prompted(state, title, fields, { kind: 'deed', what, query });
}

function typed(state: State, prompt: Prompt, key: Key): Pressed {
  const current = prompt.fields[prompt.field];
  if (current === undefined || key.name === 'esc') {
    return still({ ...state, prompt: undefined, notice: { words: 'nothing was done', isBad: false } });
  }
  if (key.name === 'backspace') return still(filled(state, prompt, [...current.value].slice(0, -1).join('')));
  if (key.name === 'text') {
    return still(filled(state, prompt, (current.value + key.text).slice(0, field_chars_max)));
  }
  return key.name === 'enter' ? confirmed(state, prompt, current) : still(state);
}

function filled(state: State, prompt: Prompt, value: string): State {
  const fields = prompt.fields.map((one, i) => (i === prompt.field ? { ...one, value } : one));
  return { ...state, notice: undefined, prompt: { ...prompt, fields } };
}

function confirmed(state: State, prompt: Prompt, { value, must }: Field): Pressed {
  if (must !== undefined && value.trim() !== must) {
    return still({ ...state, notice: { words: `that is not ${must}: Esc if you do not want it`, isBad: true } });
  }
  if (value.trim() === '') return still({ ...state, notice: { words: 'something is wanted here', isBad: true } });
  if (prompt.field + 1 < prompt.fields.length) {
    return still({ ...state, notice: undefined, prompt: { ...prompt, field: prompt.field + 1 } });
  }
  const values = prompt.fields.map((one) => one.value.trim());
  const done = { ...state, prompt: undefined, notice: undefined };
  const [first = '', second = ''] = values;
  switch (prompt.intent.kind) {
    case 'actor':
      return opened(done, asking.actorsOrOne(first));
    case 'trace':
      return opened(done, asking.trace(first, second));
    case 'move': {
      const { partition } = prompt.intent;
      const request = { partition, node: first, reason: second };
      return carriedOut(done, `move of partition ${partition} to ${first}`, { method: 'MovePartition', request });
    }
    case 'deed': {
      const { what, query } = prompt.intent;
      return carriedOut(done, what, { ...query, request: { ...query.request, reason: second } } as Query);
    }
  }
}

function carriedOut(state: State, what: string, query: Query): Pressed {
  const notice = { words: `${what}: asked for …`, isBad: false };
  return { state: { ...state, notice }, effects: [{ kind: 'carryOut', what, query }] };
}
