/** ms of CLOCK_MONOTONIC: one clock for all threads and processes of the machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** Resolves true as soon as it is so; false when it is not so within `waitMs`. A look that throws is one that saw nothing. */
export async function until(isSo: () => boolean | Promise<boolean>, waitMs: number, pollMs = 20): Promise<boolean> {
  const end = nowMs() + waitMs;
  for (;;) {
    if (await look(isSo)) return true;
    if (nowMs() >= end) return false;
    await pause(pollMs);
  }
}

async function look(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await isSo();
  } catch {
    return false;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
