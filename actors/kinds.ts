/** The names by which the messenger's actors know one another; none imports another. */
import type { ConnectionProtocol, UserProtocol } from '../proto/mail.ts';
import { actorKind } from '../runtime/index.ts';

/** `user/<id>` */
export const User = actorKind<UserProtocol>('user');
/** `connection/<user>/<node>.<socket>`: lives beside its user. */
export const Connection = actorKind<ConnectionProtocol>('connection');
