/** Where an operator's questions go: each to the node that can answer it, be it this one. */
import { type Answer, type Inspected, none, type Question, type QuestionKind } from './inspection.ts';
import type { NodeId, Owner, PartitionId } from './ports.ts';

export interface QuestionsHost {
  readonly self: NodeId;
  readonly partitions: number;
  ownerOf(partition: PartitionId): Owner | undefined;
  isMember(node: NodeId): boolean;
  /** Resolves when a look at the register that began after this call has ended. */
  freshView(): Promise<void>;
  answer(question: Question): Promise<Inspected<unknown>>;
  ask(node: NodeId, question: Question, waitMs: number): Promise<Inspected<unknown>>;
}

/** Looks at the register for who owns a partition, while its owner is changing. */
const looks_max = 3;

/** Asks the owner of the partition that the question is about, or `at` where it is about a node. Never rejects. */
export async function putQuestion<K extends QuestionKind>(
  host: QuestionsHost,
  question: Question<K>,
  at: NodeId,
  waitMs: number,
): Promise<Inspected<Answer<K>>> {
  const asked = question as Question;
  const put = (node: NodeId): Promise<Inspected<unknown>> =>
    node === host.self ? host.answer(asked) : host.ask(node, asked, waitMs);
  const partition = 'partition' in question ? question.partition : undefined;
  if (partition === undefined) {
    if (at !== host.self && !host.isMember(at)) return none('unknown node', `no node "${at}" is alive`);
    return (await put(at)) as Inspected<Answer<K>>;
  }
  if (!Number.isInteger(partition) || partition < 0 || partition >= host.partitions)
    return none('unknown partition', `there are partitions 0 to ${host.partitions - 1}, not ${partition}`);
  for (let looks = 0; ; looks++) {
    const owner = host.ownerOf(partition);
    const answer =
      owner === undefined ? none('no owner', `nobody owns partition ${partition} now`) : await put(owner.node);
    // Certainly not carried out: whoever owns it by now is asked.
    if (answer.kind === 'answer' || answer.why !== 'no owner' || looks >= looks_max)
      return answer as Inspected<Answer<K>>;
    await host.freshView();
  }
}
