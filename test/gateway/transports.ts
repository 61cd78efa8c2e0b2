/** Sockets of the three kinds, made by the SDK's own openers: what the edge does for one it does for all. */
import type { SocketEars } from '../../client/socket.ts';
import { type TransportName, Transports } from '../../client/transports.ts';
import { type Stage, until } from './stage.ts';
import type { StagedConnection } from './staged-door.ts';

export const kinds = ['websocket', 'events', 'poll'] as const satisfies readonly TransportName[];
export type Kind = (typeof kinds)[number];

export interface Line {
  /** Its other end. */
  readonly connection: StagedConnection;
  readonly got: string[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string; readonly status: number }>;
  readonly isOpen: () => boolean;
  send(frame: string): void;
  hangUp(politely: boolean): void;
}

/** A socket as the client sees it, whether it opens or not. */
export async function dialled(stage: Stage, kind: Kind, token: string): Promise<Omit<Line, 'connection'>> {
  const transports = new Transports({
    urls: [stage.gateway.url],
    transport: kind,
    encoding: 'json',
    webSocket: undefined,
    fetch: (url, init) => fetch(url, init),
    session: { accessToken: () => Promise.resolve(token) },
  });
  const got: string[] = [];
  let close: (how: { code: number; reason: string; status: number }) => void = () => {};
  const closed = new Promise<{ code: number; reason: string; status: number }>((resolve) => {
    close = resolve;
  });
  const ears: SocketEars = {
    opened() {},
    frame: (data) => void got.push(String(data)),
    ping() {},
    closed: (code, reason, status) => close({ code, reason, status }),
  };
  const { socket, hangUp } = (await transports.next()).open(stage.gateway.url, token, ears);
  return { got, closed, hangUp, isOpen: () => socket.readyState === 1, send: (frame) => socket.send(frame) };
}

/** One that is open. */
export async function line(stage: Stage, kind: Kind, token: string): Promise<Line> {
  const known = stage.door.connections.length;
  const made = await dialled(stage, kind, token);
  await until(() => made.isOpen() && stage.door.connections.length > known);
  return { ...made, connection: stage.door.connections[known]! };
}
