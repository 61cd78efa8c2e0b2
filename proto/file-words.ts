/** A file that a message holds. Its bytes go over HTTP; the message has what is to be known of it. */
import { Fault, isCount } from './fault.ts';
import {
  badConversation,
  badText,
  type Fields,
  isConversationId,
  isFields,
  isText,
  isUserId,
  malformed,
} from './fields.ts';
import { type ConversationId, clientLimits, type UserId } from './words.ts';

/** SHA-256 of the bytes as they are kept, in lower-case hex: equal files are one. */
export type FileId = string;

/** How it is meant: an `image` is shown, a `voice` message and a `video` are played, a `file` is kept. */
export type FileKind = 'image' | 'video' | 'voice' | 'file';

/** A message of any conversation of a user. */
export interface MessageAt {
  readonly with: ConversationId;
  readonly from: UserId;
  readonly seq: number;
}

/** What the server knows of the bytes; a client's word for these is not taken. */
export interface FileFacts {
  readonly id: FileId;
  /** By its content: `image/jpeg`, `application/octet-stream`. */
  readonly type: string;
  readonly bytes: number;
  /** Of an image, pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Of an image: a few blurred pixels as WebP, in base64, to be shown until it is there. */
  readonly preview?: string;
  /** There is a smaller image of it. */
  readonly thumb?: true;
}

export interface SentFile extends FileFacts {
  readonly kind: FileKind;
  /** What its sender calls it. */
  readonly name: string;
  /** How long it plays, says its sender. */
  readonly seconds?: number;
  /** Only from a client: the message that it has the file by, where it did not upload it itself. */
  readonly via?: MessageAt;
}

const kinds: readonly FileKind[] = ['image', 'video', 'voice', 'file'];
const idShape = /^[0-9a-f]{64}$/;
const typeShape = /^[a-z0-9][a-z0-9.+-]{0,62}\/[a-z0-9][a-z0-9.+-]{0,62}$/;
const previewShape = /^[A-Za-z0-9+/]*={0,2}$/;

export function isFileId(value: unknown): value is FileId {
  return typeof value === 'string' && idShape.test(value);
}

export function isMediaType(value: unknown): value is string {
  return typeof value === 'string' && typeShape.test(value);
}

/** Whether a file of this type may be meant so: what is shown at once must be an image that the server has looked at. */
export function maySend(kind: FileKind, { type, width }: FileFacts): boolean {
  switch (kind) {
    case 'image':
      return width !== undefined;
    case 'video':
      return type.startsWith('video/');
    case 'voice':
      return type.startsWith('audio/');
    case 'file':
      return true;
  }
}

/** Undefined: it is none. */
export function fileFactsOf(value: unknown): FileFacts | undefined {
  return isFields(value) && isFileId(value.id) ? factsOf(value.id, value) : undefined;
}

/** Of a message. From a client only `id`, `kind`, `name`, `seconds` and `via` are looked at. */
export function sentFileOf(value: unknown, of: Fields): SentFile | Fault {
  if (!isFields(value)) return malformed('more.file must be an object', of);
  const { id, name, seconds, via } = value;
  const kind = kinds.find((one) => one === value.kind);
  if (!isFileId(id)) return badText('more.file.id', id, 64, of);
  if (kind === undefined) return malformed('more.file.kind must be image, video, voice or file', of);
  if (!isText(name, clientLimits.file_name_chars_max)) {
    return badText('more.file.name', name, clientLimits.file_name_chars_max, of);
  }
  if (seconds !== undefined && !isCount(seconds)) return malformed('more.file.seconds must be a whole number', of);
  const message = via === undefined ? undefined : messageAtOf(via, 'more.file.via', of);
  if (message instanceof Fault) return message;
  return {
    ...factsOf(id, value),
    kind,
    name,
    ...(seconds !== undefined && { seconds }),
    ...(message && { via: message }),
  };
}

/** What is not as it should be is left out: of a client nothing of it counts. */
function factsOf(id: FileId, { type, bytes, width, height, preview, thumb }: Fields): FileFacts {
  const isPreview = isText(preview, clientLimits.preview_chars_max) && previewShape.test(preview);
  return {
    id,
    type: isMediaType(type) ? type : 'application/octet-stream',
    bytes: isCount(bytes) ? bytes : 0,
    ...(isCount(width) && isCount(height) && { width, height }),
    ...(isPreview && { preview }),
    ...(thumb === true && { thumb }),
  };
}

export function messageAtOf(value: unknown, field: string, of: Fields): MessageAt | Fault {
  if (!isFields(value)) return malformed(`${field} must be an object`, of);
  const { with: other, from, seq } = value;
  if (!isConversationId(other)) return badConversation(`${field}.with`, other, of);
  if (!isUserId(from)) return badText(`${field}.from`, from, clientLimits.user_chars_max, of);
  if (!isCount(seq) || seq === 0) return malformed(`${field}.seq must be a whole number, 1 or more`, of);
  return { with: other, from, seq };
}
