/** Time to stop in good order after Ctrl-C or SIGTERM before the process is ended anyhow, ms. */
const stop_wait_ms = 30_000;

/** Runs until SIGINT, SIGTERM or the abort, then `close`; a second signal ends the process at once. Answers the exit code. */
export async function untilStopped(close: () => Promise<void>, tell: (line: string) => void): Promise<number> {
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve(name));
  });
  tell(signal === 'SIGINT' ? '\nStopping; once more Ctrl-C ends it at once.' : 'Stopping.');
  const hurry = (): never => process.exit(130);
  process.once('SIGINT', hurry);
  const late = setTimeout(() => {
    tell('It did not stop in time and was ended. Nothing that was accepted is lost.');
    process.exit(1);
  }, stop_wait_ms);
  await close();
  clearTimeout(late);
  process.off('SIGINT', hurry);
  return 0;
}
