/** The network of a node that is alone. */
import type { Network, NodeId } from '../ports.ts';

/** Nobody else is there: what is sent to another node is lost; what the node sends itself arrives. */
export function loneNetwork(self: NodeId): Network {
  let receive: ((bytes: Uint8Array) => void) | undefined;
  let open = true;
  return {
    self,
    send(to, bytes) {
      // Never within the call, as over a wire.
      if (to === self) queueMicrotask(() => receive?.(bytes));
    },
    broadcast() {},
    listen(receiver) {
      receive = receiver;
    },
    connected: () => open,
    async listens(node) {
      // Nobody else can, and once it is closed nobody can tell.
      return !open || (node === self && receive !== undefined);
    },
    async close() {
      open = false;
      receive = undefined;
    },
  };
}
