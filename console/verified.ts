/** A partition, verified; and built anew. */
import type { Node, VerifyReport } from '../runtime/index.ts';
import type { Caller } from './access.ts';
import type { Changes } from './changes.ts';
import { answerOf } from './failures.ts';
import type { Reply, Request, VerifiedWords } from './words.ts';

/** Ten minutes: a large partition takes a while, and waits for the node's snapshots. */
const verify_wait_ms = 600_000;

type Verify = (request: Request<'VerifyPartition'>, caller: Caller) => Promise<Reply<'VerifyPartition'>>;

export function verifying(node: Node, changes: Changes, kind: 'verify' | 'rebuild', method: string): Verify {
  return async ({ partition, reason }, caller) => {
    const { audit, found } = await changes.find(
      caller,
      { method, target: { partition }, reason },
      async () => answerOf(await node.inspect({ kind, partition }, node.node, verify_wait_ms)),
      outcomeOf,
    );
    return { audit, ...plain(found) };
  };
}

function isSound({ broken, expected, found, missing, extra, different }: VerifyReport): boolean {
  return broken === '' && expected === found && missing + extra + different === 0;
}

function plain({ expected, found, snapshot, ...report }: VerifyReport): Omit<VerifiedWords, 'audit'> {
  return {
    ...report,
    sound: isSound({ expected, found, snapshot, ...report }),
    expectedHash: expected,
    foundHash: found,
    snapshotNumber: snapshot?.number ?? 0,
    snapshotAt: snapshot?.at ?? 0,
  };
}

/** For the audit log. */
function outcomeOf(report: VerifyReport): string {
  if (isSound(report)) return 'sound';
  const { broken, why, missing, extra, different } = report;
  if (broken !== '') return `${broken} damaged: ${why}`;
  return `differs: ${missing} rows missing, ${extra} extra, ${different} different`;
}
