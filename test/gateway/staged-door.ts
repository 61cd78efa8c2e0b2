/**
 * A node without an engine, for tests of the edge alone: user actors as a table of accounts, connection actors as a list of what
 * they were told. Tests with the real engine are elsewhere.
 */
import type { Claims, ConnectionProtocol, NewSession, PasswordHash, UserProtocol } from '../../proto/mail.ts';
import type { Asked, Door, MailOf, Push } from '../../runtime/index.ts';

interface Account {
  password: PasswordHash;
  readonly sessions: Map<string, NewSession>;
  active: boolean;
}

export type UserMail = MailOf<UserProtocol>;
export type ConnectionMail = MailOf<ConnectionProtocol>;

/** What the edge has opened: one socket and its connection actor. */
export interface StagedConnection {
  readonly address: string;
  /** All mail that was taken, in order. */
  readonly mail: ConnectionMail[];
  push(push: Push): void;
  moved(): void;
  closed: boolean;
}

export class StagedDoor implements Door {
  /** What the owner's node says of itself. */
  home = '';
  readonly node = 'n1';
  readonly incarnation = 'test';
  readonly accounts = new Map<string, Account>();
  readonly connections: StagedConnection[] = [];
  readonly asked: UserMail[] = [];
  /** What whispers are answered with, and how many were refused. */
  whispers: (mail: ConnectionMail) => 'ok' | 'full' | 'moved' = () => 'ok';
  refusedWhispers = 0;
  /** Whether frames are answered by themselves; otherwise a test does it. */
  answers = true;
  /** All frames that were taken, in order. */
  readonly handed: { readonly connection: StagedConnection; readonly number: number; readonly answer: boolean }[] = [];
  /** Answers asks in place of the accounts. */
  instead: Asked<never> | undefined;

  /** What exports are answered with. */
  pages: (cursor: string) => object = () => ({ ok: true, lines: ['{"part":"end"}'], next: '' });

  private readonly byAddress = new Map<string, StagedConnection>();

  ask: Door['ask'] = async (to, mail) => {
    if (this.instead) return this.instead;
    this.asked.push(mail as unknown as UserMail);
    const value = this.answer(to.address.slice('user/'.length), mail as unknown as UserMail);
    return { kind: 'reply', value: value as never };
  };

  whisper: Door['whisper'] = (to, mail) => {
    const told = mail as unknown as ConnectionMail;
    const answer = this.whispers(told);
    const connection = this.byAddress.get(to.address);
    if (answer === 'ok') connection?.mail.push(told);
    else this.refusedWhispers += 1;
    if (answer === 'ok' && told.kind === 'frame' && connection !== undefined) {
      this.handed.push({ connection, number: told.number ?? 0, answer: told.answer === true });
    }
    // As an actor does once the frame has had its effect.
    if (answer === 'ok' && told.kind === 'frame' && told.answer && this.answers) {
      queueMicrotask(() => connection?.push(String(told.number)));
    }
    return answer;
  };

  /** By user: the node that it lives on. */
  readonly nodes = new Map<string, string>();

  nodeOf: Door['nodeOf'] = ({ address }) => this.nodes.get(address.split('/')[1] ?? '') ?? this.node;

  homeOf(): string {
    return this.home;
  }

  openOutlet: Door['openOutlet'] = (to, receive, moved) => {
    const connection: StagedConnection = { address: to.address, mail: [], push: receive, moved, closed: false };
    this.connections.push(connection);
    this.byAddress.set(to.address, connection);
    const outlet = { node: this.node, incarnation: this.incarnation, id: this.connections.length };
    return {
      outlet,
      close() {
        connection.closed = true;
      },
    };
  };

  private readonly ears = new Map<string, (from: string, value: unknown) => void>();

  onSignal: Door['onSignal'] = (name, heard) => {
    this.ears.set(name, heard);
    return () => this.ears.delete(name);
  };

  /** As an actor does. */
  signal(name: string, from: string, value: unknown): void {
    this.ears.get(name)?.(from, value);
  }

  private answer(user: string, mail: UserMail): object {
    const account = this.accounts.get(user);
    if (mail.kind === 'register') {
      if (account) return no('taken');
      const sessions = new Map([[mail.session.session, mail.session]]);
      this.accounts.set(user, { password: mail.password, sessions, active: true });
      return { ok: true };
    }
    if (!account) return no('no_account');
    if (!account.active) return no('deactivated');
    return this.answerOf(account, mail);
  }

  private answerOf(account: Account, mail: UserMail): object {
    const { sessions } = account;
    switch (mail.kind) {
      case 'credentials':
        return { ok: true, password: account.password };
      case 'openSession':
        sessions.set(mail.session.session, mail.session);
        return { ok: true };
      case 'refresh':
        if (sessions.get(mail.session)?.refreshHash !== mail.refreshHash) {
          sessions.delete(mail.session);
          return no('bad_refresh');
        }
        sessions.set(mail.session, mail.next);
        return { ok: true };
      case 'devices': {
        const current = sessions.get(mail.session)?.device;
        const devices = [...new Set([...sessions.values()].map(({ device }) => device))];
        const stateOf = (device: string) => ({ device, since: 1, seen: 2, online: false, current: device === current });
        return { ok: true, devices: devices.map(stateOf) };
      }
      case 'revoke': {
        const gone = [...sessions.values()].filter(({ device }) => device === mail.device);
        for (const { session } of gone) sessions.delete(session);
        return gone.length > 0 ? { ok: true } : no('unknown_device');
      }
      case 'password':
        account.password = mail.password;
        for (const { session, device } of sessions.values()) if (device !== mail.device) sessions.delete(session);
        return { ok: true };
      case 'export':
        return this.pages(mail.cursor);
      case 'deactivate':
        account.active = false;
        return { ok: true };
      default:
        throw new Error(`the edge never says ${mail.kind}`);
    }
  }
}

const no = (code: string): object => ({ ok: false, code });

export const frames = (connection: StagedConnection): (string | Uint8Array)[] =>
  connection.mail.flatMap((mail) => (mail.kind === 'frame' ? [mail.bytes] : []));

export const opens = (connection: StagedConnection): { readonly again: boolean; readonly claims: Claims }[] =>
  connection.mail.flatMap((mail) => (mail.kind === 'open' ? [mail] : []));
