/** The only file that knows the terminal library: lines out, keys in. */
import { Box, render, Text, useInput, useStdout } from 'ink';
import { createElement, type ReactElement, useEffect, useState, useSyncExternalStore } from 'react';
import { frame, type Terminal } from './frame.ts';
import type { Key } from './keys.ts';
import type { Session } from './session.ts';
import type { Line } from './spans.ts';

type Abilities = Pick<Terminal, 'isUtf8' | 'hasColors'>;

export interface Shown {
  /** Takes everything off the terminal. */
  end(): void;
  /** Resolves when it has ended; rejects when drawing threw. */
  readonly ended: Promise<unknown>;
}

export function show(session: Session, abilities: Abilities): Shown {
  const app = render(createElement(App, { session, abilities }), { exitOnCtrlC: false, patchConsole: true });
  return { end: () => app.unmount(), ended: app.waitUntilExit() };
}

function App({ session, abilities }: { readonly session: Session; readonly abilities: Abilities }): ReactElement {
  const state = useSyncExternalStore(session.subscribe, () => session.state);
  const { columns, rows } = useSize();
  const nowMs = useClock();
  useInput((input, key) => {
    for (const pressed of keysOf(input, key)) session.press(pressed);
  });
  const lines = frame(state, { columns, rows, ...abilities }, nowMs);
  return createElement(
    Box,
    { flexDirection: 'column', width: columns, height: rows - 1 },
    ...lines.map((one, i) => createElement(Row, { key: i, line: one })),
  );
}

function Row({ line }: { readonly line: Line }): ReactElement {
  const spans = line.map(({ text, color, bold, dim, inverse }, i) => {
    const style = { ...(color && { color }), bold: bold === true, dimColor: dim === true, inverse: inverse === true };
    return createElement(Text, { key: i, ...style }, text);
  });
  return createElement(Text, { wrap: 'truncate' }, ...(spans.length === 0 ? [' '] : spans));
}

function useSize(): { readonly columns: number; readonly rows: number } {
  const { stdout } = useStdout();
  const read = () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });
  const [size, setSize] = useState(read);
  useEffect(() => {
    const resized = (): void => setSize(read());
    stdout.on('resize', resized);
    return () => {
      stdout.off('resize', resized);
    };
  });
  return size;
}

/** Ticks once a second, so that a silent cluster looks old. */
function useClock(): number {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

type InkKey = Parameters<Parameters<typeof useInput>[0]>[1];

/** What is typed fast, or pasted, comes together. */
function keysOf(input: string, key: InkKey): Key[] {
  if (key.ctrl) return input === 'c' ? [{ name: 'interrupt' }] : [];
  if (key.upArrow) return [{ name: 'up' }];
  if (key.downArrow) return [{ name: 'down' }];
  if (key.pageUp) return [{ name: 'pageUp' }];
  if (key.pageDown) return [{ name: 'pageDown' }];
  if (key.escape) return [{ name: 'esc' }];
  if (key.return) return [{ name: 'enter' }];
  if (key.backspace || key.delete) return [{ name: 'backspace' }];
  if (key.meta || key.tab || key.leftArrow || key.rightArrow) return [];
  return [...input].map((text): Key => (text === '\r' || text === '\n' ? { name: 'enter' } : { name: 'text', text }));
}
