/** The public door of the console, a node's end of it; `client.ts` is the other end, which tools load alone. */
export type { AccessSettings } from './access.ts';
export type { BackupSource } from './backup.ts';
export { type Console, openConsole } from './server.ts';
export type { StepWords } from './trace-words.ts';
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
