/** The public door of the actor runtime. */
export type {
  ActorKind,
  Address,
  AnyBehaviour,
  Behaviour,
  MailOf,
  Outlet,
  Protocol,
  Push,
  RangeOptions,
  Ref,
  ReplyOf,
  ReplyTo,
  Turn,
  Turns,
} from './actor.ts';
export { actorKind, behaviour, isAddress } from './actor.ts';
export type { NodeEvent } from './chronicle.ts';
export type { Asked, Door, OpenOutlet, Refusal } from './door.ts';
export type { Fill, NodeFigures } from './figures.ts';
export type {
  ActorEntry,
  ActorReport,
  ActorRow,
  Answer,
  ChannelReport,
  FoundLetter,
  Inspected,
  NodeReport,
  PartitionReport,
  Question,
  QuestionKind,
  RowOrigin,
  Unanswered,
  VerifyReport,
} from './inspection.ts';
export type { Limits } from './limits.ts';
export { defaultLimits } from './limits.ts';
export type { MailSample } from './mail-samples.ts';
export type { Heartbeat } from './members.ts';
export type { NodeCounts, NodeOptions } from './node.ts';
export { Node } from './node.ts';
export type { DrainOrder } from './operator.ts';
export { askToDrain } from './operator.ts';
export type {
  Clock,
  FollowedAppend,
  FollowedTurn,
  Log,
  NodeId,
  PartitionId,
  Ports,
  Probe,
  Tracer,
} from './ports.ts';
