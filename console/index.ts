/** The public door of the console: a node's end of it, and the tools'. */
export type { AccessSettings } from './access.ts';
export type { BackupSource } from './backup.ts';
export { AdminClient, type AdminClientOptions, AdminError } from './client.ts';
export { type Console, openConsole } from './server.ts';
export type {
  ActorEntryWords,
  AuditEntryWords,
  BackupPieceWords,
  EventWords,
  LetterWords,
  MailSampleWords,
  NodeWords,
  PartitionWords,
  TurnWords,
  VerifiedWords,
} from './words.ts';
