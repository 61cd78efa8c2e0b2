/** Datagrams between nodes over core NATS: a subject a node, and one for all. */
import type { Network, NodeId } from '../ports.ts';
import type { NatsLink } from './nats.ts';

export interface NatsNetworkOptions {
  readonly link: NatsLink;
  readonly cluster: string;
  readonly self: NodeId;
}

export function natsNetwork({ link, cluster, self }: NatsNetworkOptions): Network {
  const subjectOf = (node: NodeId) => `rp.${cluster}.n.${node}`;
  const all = `rp.${cluster}.all`;
  let receive: ((bytes: Uint8Array) => void) | undefined;
  let closed = false;
  const lost = () => closed || !link.connected;
  return {
    self,
    send(to, bytes) {
      if (lost()) return;
      // The connection echoes nothing, or broadcasts would come back. Never within the call, as over the wire.
      if (to === self) queueMicrotask(() => receive?.(bytes));
      else link.publish(subjectOf(to), bytes);
    },
    broadcast(bytes) {
      if (!lost()) link.publish(all, bytes);
    },
    listen(receiver) {
      if (receive !== undefined) throw new Error('the network has a receiver already');
      receive = receiver;
      for (const subject of [subjectOf(self), all]) {
        link.connection.subscribe(subject, { callback: (_error, { data }) => receive?.(data) });
      }
    },
    connected: () => !lost(),
    async close() {
      closed = true;
      receive = () => {};
    },
  };
}
