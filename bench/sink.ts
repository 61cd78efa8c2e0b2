/** A collector of traces that throws away what it is sent: in the benchmark's process, whose processor time counts for nobody. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Endings } from '../scripts/endings.ts';

/** Resolves to its URL. */
export async function startSink(endings: Endings): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endings.add(async () => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
