import { askToDrain } from '../runtime/index.ts';
import { systemClock, systemTimers } from '../runtime/io/clock.ts';
import { msgpackCodec } from '../runtime/io/codec.ts';
import { natsNetwork } from '../runtime/io/nats-network.ts';
import { checkName, linkHelp, linkOptions, operatorLink } from './operator-link.ts';
import { parseOptions, UsageError, wholeNumber } from './options.ts';
import type { Terminal } from './terminal.ts';

const wait_s_default = 60;

export const drainHelp = `ringpost drain NODE: empties a running node. Its partitions move to the others, then its clients are sent there, one after another;
nobody loses anything, and the node stays up, empty, until it is stopped or told to take its share again.

  NODE                   the node's name
  --undo                 the node takes its share of partitions, and clients, again
  --wait SECONDS         how long to wait for it (${wait_s_default})
${linkHelp}  --help                 this text

Ends with 0 when it is done, with 1 when it is not, with 2 when the command line is wrong.
`;

/** Tells a node of a running cluster to empty itself, and waits until it has. */
export async function drain(args: readonly string[], terminal: Terminal): Promise<number> {
  const { options, words } = parseOptions(
    args,
    {
      undo: { type: 'boolean' },
      wait: { type: 'string' },
      ...linkOptions,
    },
    1,
  );
  const [node] = words;
  if (node === undefined) throw new UsageError('Which node? ringpost drain n1');
  checkName(node, 'node');
  const waitMs = wholeNumber(options, 'wait', wait_s_default, 1, 3_600) * 1_000;
  const draining = options.undo !== true;
  const { link, cluster, self } = await operatorLink(options, terminal);
  let left: number | undefined;
  try {
    const network = natsNetwork({ link, cluster, self });
    const outcome = await askToDrain({
      ports: { network, codec: msgpackCodec, timers: systemTimers, clock: systemClock },
      node,
      draining,
      waitMs,
      progress: (partitions) => {
        if (partitions !== left && draining && partitions > 0) {
          terminal.tell(`${node} owns ${countOf(partitions, 'partition')}.`);
        }
        left = partitions;
      },
    });
    if (outcome === 'done') {
      terminal.say(draining ? drainedWords(node) : `${node} takes its share of partitions, and clients, again.`);
      return 0;
    }
    terminal.tell(outcome === 'unknown node' ? unknownWords(node, cluster) : lateWords(node, left, draining, waitMs));
    return 1;
  } finally {
    await link.close();
  }
}

function drainedWords(node: string): string {
  return `${node} owns no partitions any more, and sends its clients to the other nodes now. It can be stopped at any time.
"ringpost drain ${node} --undo" makes it take its share again.`;
}

function unknownWords(node: string, cluster: string): string {
  return `Nothing was heard of a node "${node}" in the cluster "${cluster}".`;
}

function lateWords(node: string, left: number | undefined, draining: boolean, waitMs: number): string {
  const time = countOf(waitMs / 1_000, 'second');
  if (!draining) return `${node} has not answered in ${time}.`;
  if (left === undefined) return `${node} has not begun to leave in ${time}. Nothing has changed for its clients.`;
  return `After ${time} ${node} still owns ${countOf(left, 'partition')}: no other node has taken them. It serves them, and its clients, on;
they move as soon as a node can have them. "ringpost drain ${node} --undo" takes the order back.`;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
