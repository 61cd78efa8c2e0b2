// A process of its own for `store-damage.test.ts`: LMDB may end it. Says a line for each store that it has read through.
import { inspect } from './store-rows.ts';

for (const folder of process.argv.slice(2)) process.stdout.write(`${JSON.stringify(await inspect(folder))}\n`);
