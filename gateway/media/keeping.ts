/** From an upload that is complete to a file that is kept: looked into, stored under its hash where it is not there already, and told to its user. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { FileProtocol, FileRefusal, KeptFile } from '../../proto/file-mail.ts';
import type { FileFacts } from '../../proto/file-words.ts';
import type { Claims } from '../../proto/mail.ts';
import type { ActorKind, Door } from '../../runtime/index.ts';
import { ask } from '../asking.ts';
import type { Callers } from '../callers.ts';
import { type ErrorCode, HttpRefusal } from '../errors.ts';
import type { Look } from './image-worker.ts';
import type { MediaLimits } from './limits.ts';
import type { Looks } from './looks.ts';
import type { Storage } from './storage.ts';
import type { WholeUpload } from './uploads.ts';

export interface KeepingOptions {
  readonly door: Door;
  readonly callers: Callers;
  readonly file: ActorKind<FileProtocol>;
  readonly storage: Storage;
  readonly looks: Looks;
  readonly limits: MediaLimits & { readonly ask_wait_ms_max: number };
}

/** What a user says, as HTTP says it. */
export const fileErrors: { readonly [code in FileRefusal]: ErrorCode } = {
  unauthorised: 'unauthorised',
  revoked: 'revoked',
  expired_token: 'expired_token',
  unknown_file: 'unknown_file',
  too_many_files: 'too_many_files',
};

/** The collector was between offer and storing: once is rare, twice is not to be. */
const offers_max = 3;

interface Looked {
  readonly file: string;
  readonly thumb: string | undefined;
  readonly facts: Omit<FileFacts, 'id' | 'bytes'>;
}

export function blobOf(
  { id, generation }: { readonly id: string; readonly generation: string },
  thumb: boolean,
): string {
  return `${id}.${generation}${thumb ? '.thumb' : ''}`;
}

/** Its upload may be thrown away when this has an answer that is not to be tried again. */
export async function keep(
  options: KeepingOptions,
  claims: Claims,
  upload: WholeUpload,
): Promise<FileFacts | HttpRefusal> {
  const copy = `${upload.file}.copy`;
  const small = `${upload.file}.thumb`;
  try {
    const look = await options.looks.look(upload.file, upload.bytes, copy, small);
    const looked = lookedOf(look, upload, copy, small, options.limits);
    if (looked instanceof HttpRefusal) return looked;
    const kept = await store(options, claims, looked);
    if (kept instanceof HttpRefusal) return kept;
    const { generation: _, ...file } = kept;
    const { device, session } = claims;
    const forMs = options.limits.file_grace_ms;
    const reply = await options.callers.ask(claims.user, { kind: 'uploaded', login: { device, session }, file, forMs });
    if (reply instanceof HttpRefusal) return reply;
    return reply.ok ? file : new HttpRefusal(fileErrors[reply.code]);
  } finally {
    await Promise.all([rm(copy, { force: true }), rm(small, { force: true })]);
  }
}

function lookedOf(
  look: Look | 'busy' | 'failed',
  { file, bytes }: WholeUpload,
  copy: string,
  small: string,
  limits: MediaLimits,
): Looked | HttpRefusal {
  if (look === 'busy') return new HttpRefusal('overloaded', 1_000);
  if (look === 'failed') return new HttpRefusal('bad_file');
  if (look.kind === 'image') {
    const { type, width, height, preview, thumb } = look;
    const facts = { type, width, height, preview, ...(thumb && { thumb }) };
    return { file: copy, thumb: thumb ? small : undefined, facts };
  }
  if (look.kind !== 'other') return new HttpRefusal(look.kind);
  return bytes > bytesMax(look.type, limits)
    ? new HttpRefusal('file_too_large')
    : { file, thumb: undefined, facts: { type: look.type } };
}

function bytesMax(type: string, { audio_bytes_max, video_bytes_max, other_bytes_max }: MediaLimits): number {
  if (type.startsWith('audio/')) return audio_bytes_max;
  return type.startsWith('video/') ? video_bytes_max : other_bytes_max;
}

async function store(options: KeepingOptions, { user }: Claims, looked: Looked): Promise<KeptFile | HttpRefusal> {
  const { door, storage, limits } = options;
  const { size: bytes } = await stat(looked.file);
  const facts: FileFacts = { id: await hashOf(looked.file), bytes, ...looked.facts };
  const actor = options.file.ref(facts.id);
  const forMs = limits.file_grace_ms;
  for (let offers = 0; offers < offers_max; offers++) {
    const offered = await ask(door, actor, { kind: 'offer', user, forMs }, limits.ask_wait_ms_max);
    if (offered instanceof HttpRefusal) return offered;
    if (offered.kind === 'known') return offered.file;
    const file: KeptFile = { ...facts, generation: offered.generation };
    if (looked.thumb !== undefined) await storage.put(blobOf(file, true), createReadStream(looked.thumb));
    await storage.put(blobOf(file, false), createReadStream(looked.file));
    const stored = await ask(door, actor, { kind: 'stored', user, forMs, file }, limits.ask_wait_ms_max);
    if (stored instanceof HttpRefusal) return stored;
    // Another generation than this one: somebody was faster, and the collector will find what is here.
    if (stored.file !== undefined) return stored.file;
  }
  return new HttpRefusal('unavailable', 1_000);
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
