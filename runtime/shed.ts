import type { NodeId, PartitionId } from './ports.ts';

/**
 * Nodes whose volatile mail was dropped because a partition was at its bound. Nobody asks about the last mail that was dropped, so they are told when it
 * has eased: the sockets there whose frames may be missing are introduced again.
 */
export class Shed {
  readonly #nodes = new Map<PartitionId, Map<NodeId, string>>();

  add(partition: PartitionId, node: NodeId, incarnation: string): void {
    const nodes = this.#nodes.get(partition) ?? new Map<NodeId, string>();
    this.#nodes.set(partition, nodes.set(node, incarnation));
  }

  /** Those of partitions that have eased, or are not here any more, each once. `tell` is for the first. */
  ease(
    stateOf: (partition: PartitionId) => 'eased' | 'pressed' | 'gone',
    tell: (partition: PartitionId, node: NodeId, incarnation: string) => void,
  ): void {
    for (const [partition, nodes] of this.#nodes) {
      const state = stateOf(partition);
      if (state === 'pressed') continue;
      this.#nodes.delete(partition);
      // Whoever has it now has the sockets introduced in any case.
      if (state === 'eased') for (const [node, incarnation] of nodes) tell(partition, node, incarnation);
    }
  }
}
