/** Time to stop in good order after Ctrl-C or SIGTERM before the process is ended anyhow, ms. */
const stop_wait_ms = 30_000;

/** EX_SOFTWARE of sysexits.h. */
const exit_code_unfit = 70;

/**
 * Runs until SIGINT, SIGTERM, or what can't go on says why (`unfit`), then `close`; a second signal ends the process at once. Answers the exit
 * code: a supervisor that starts again what ended with one should find a reason to.
 */
export async function untilStopped(
  close: () => Promise<void>,
  tell: (line: string) => void,
  unfit: Promise<string> = new Promise(() => {}),
): Promise<number> {
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve(name));
  });
  const why = await Promise.race([signal, unfit]);
  const isSignal = why === 'SIGINT' || why === 'SIGTERM';
  if (!isSignal) tell(why);
  tell(why === 'SIGINT' ? '\nStopping; once more Ctrl-C ends it at once.' : 'Stopping.');
  const hurry = (): never => process.exit(130);
  process.once('SIGINT', hurry);
  const late = setTimeout(() => {
    tell('It did not stop in time and was ended. Nothing that was accepted is lost.');
    process.exit(1);
  }, stop_wait_ms);
  await close();
  clearTimeout(late);
  process.off('SIGINT', hurry);
  return isSignal ? 0 : exit_code_unfit;
}
