/** A bot that says what it hears. In a chat, `/bot echo` makes its account and shows the token. */
import { RingpostClient } from '../../client/index.ts';
import { fileStorage } from '../../client/node.ts';

const [token = '', url = 'http://localhost:7480', file = 'echo-bot.json'] = process.argv.slice(2);

// What it has heard and what it has not said yet are in the file: begun again, it answers what came meanwhile, and nothing twice.
const bot = await RingpostClient.bot({ url, token, storage: fileStorage(file) });

bot.on('message', ({ from, to, seq, body }) => {
  if (from === bot.user) return;
  const conversation = to === bot.user ? from : to;
  bot.read(conversation, seq);
  bot.send(conversation, `${from} says: ${body}`).accepted.catch((error) => console.error(error.message));
});

await bot.connect();
console.log(`${bot.user} listens at ${url}`);
process.once('SIGINT', () => void bot.close());
