/** How load is offered: so many messages under way at any time, or so many a second. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Without any news for so long, what is still under way will not come. */
const drain_quiet_ms = 5_000;
/** A second copy of a message would come after the first. */
const echo_wait_ms = 500;

export interface Source {
  /** Sends its next message. `dueMs`: when that should have been, which is not always when there was time for it. */
  send(dueMs: number): void;
  /** Called when one of its messages has run its course: a closed loop sends the next. */
  onOver: () => void;
}

export interface Offer {
  /** Messages under way for each source, in a closed loop. */
  readonly inflight: number;
  /** Messages a second over all sources, due evenly whatever becomes of those before; undefined for the closed loop. */
  readonly rate?: number | undefined;
  readonly warmMs: number;
}

export interface Traffic {
  /** How far the generator itself fell behind an open loop, ms. */
  lagMs: number;
  stop(): void;
}

/**
 * An open loop is so little work that V8 would still be compiling in its window: a closed one goes before it, so that what is measured is
 * a server that has run for a while.
 */
export async function warmedUp(sources: readonly Source[], { rate, inflight, warmMs }: Offer): Promise<Traffic> {
  const closed = closedLoop(sources, inflight);
  if (rate === undefined) {
    await sleep(warmMs);
    return closed;
  }
  await sleep(warmMs * 0.6);
  closed.stop();
  await sleep(warmMs * 0.1);
  const open = openLoop(sources, rate);
  await sleep(warmMs * 0.3);
  return open;
}

function closedLoop(sources: readonly Source[], inflight: number): Traffic {
  let going = true;
  for (const source of sources) {
    source.onOver = () => going && source.send(performance.now());
    for (let i = 0; i < inflight; i++) source.send(performance.now());
  }
  return {
    lagMs: 0,
    stop() {
      going = false;
    },
  };
}

function openLoop(sources: readonly Source[], rate: number): Traffic {
  const startMs = performance.now();
  let next = 0;
  const traffic: Traffic & { timer: NodeJS.Timeout | undefined } = {
    lagMs: 0,
    timer: undefined,
    stop() {
      clearTimeout(this.timer);
    },
  };
  const tick = (): void => {
    const nowMs = performance.now();
    for (let dueMs = startMs; ; next++) {
      dueMs = startMs + (next * 1_000) / rate;
      if (dueMs > nowMs) break;
      traffic.lagMs = Math.max(traffic.lagMs, nowMs - dueMs);
      sources[next % sources.length]?.send(dueMs);
    }
    traffic.timer = setTimeout(tick, 1);
  };
  tick();
  return traffic;
}

/** Waits until nothing is under way, or nothing comes any more; `progress` grows with all that comes. */
export async function drained(busy: () => boolean, progress: () => number): Promise<void> {
  let before = -1;
  let changedMs = performance.now();
  while (performance.now() - changedMs < drain_quiet_ms && busy()) {
    if (progress() !== before) {
      before = progress();
      changedMs = performance.now();
    }
    await sleep(50);
  }
  await sleep(echo_wait_ms);
}
