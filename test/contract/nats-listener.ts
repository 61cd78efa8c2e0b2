// A process of its own for `nats-listens.test.ts`: listens under the name and through the servers that it is given, says so, and stays.
import { connectNats } from '../../runtime/io/nats.ts';
import { natsNetwork } from '../../runtime/io/nats-network.ts';
import { quiet } from './nats-world.ts';

const [self = '', ...servers] = process.argv.slice(2);
const link = await connectNats({ servers, name: self, log: quiet });
natsNetwork({ link, cluster: 'test', self }).listen((bytes) => process.stdout.write(`heard ${bytes.length} bytes\n`));
await link.connection.flush();
process.stdout.write(`listening through ${link.connection.getServer()}\n`);
