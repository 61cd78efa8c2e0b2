/** What a partition tells the probe of its turns, where there is one. */
import type { Cell } from './cell.ts';
import type { Ports, Probe } from './ports.ts';
import type { Counted } from './turn.ts';

/** The turn that a cell has just had is over; answers when, monotonic ms. What it counted it has done. */
export function measured(probe: Probe, cell: Cell, nowMs: number, counts: readonly Counted[] | undefined): number {
  probe.turned(cell.behaviour?.kind ?? '', nowMs - cell.lastMailMs);
  if (counts !== undefined) for (const { name, label, by } of counts) probe.count(name, label, by);
  return nowMs;
}

/** The record of turns that ended then is durable. */
export function gated({ clock, probe }: Ports, endsMs: readonly number[]): void {
  const nowMs = clock.monotonicMs();
  for (const endMs of endsMs) probe?.gated(nowMs - endMs);
}
