/** The live console: loaded only by `ringpost admin` without a noun. */
import type { Wire } from './link.ts';
import { Session } from './session.ts';

const alternate_screen = '\u001b[?1049h\u001b[H';
/** Back to the screen that was there, with a cursor. */
const former_screen = '\u001b[?1049l\u001b[?25h';

export interface ConsoleOptions {
  /** `host:port` of nodes; the next one is asked where one does not answer. */
  readonly addresses: readonly string[];
  readonly dial: (address: string) => Wire;
}

/** Until it is quit; answers with the exit code: 0, or 128 and the signal's number. The terminal is as before, whatever happens. */
export async function runConsole({ addresses, dial }: ConsoleOptions): Promise<number> {
  // Loaded late: it reads from the environment whether there are colours.
  const { show } = await import('./app.ts');
  let code = 0;
  let end = (): void => {};
  const session = new Session(addresses, dial, () => end());
  const restore = (): void => void process.stdout.write(former_screen);
  process.once('exit', restore);
  process.stdout.write(alternate_screen);
  const signals = [
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const;
  const heard = signals.map(([signal, number]) => {
    const listener = (): void => {
      code = 128 + number;
      end();
    };
    process.once(signal, listener);
    return () => process.off(signal, listener);
  });
  try {
    const shown = show(session, abilitiesOf(process.env));
    end = shown.end;
    session.start();
    await shown.ended;
  } finally {
    session.close();
    for (const forget of heard) forget();
    process.off('exit', restore);
    restore();
  }
  return code;
}

/** https://no-color.org; and the locale, as POSIX orders its variables. */
function abilitiesOf(env: NodeJS.ProcessEnv): { readonly isUtf8: boolean; readonly hasColors: boolean } {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return { isUtf8: /utf-?8/i.test(locale), hasColors: !env.NO_COLOR && env.TERM !== 'dumb' };
}
