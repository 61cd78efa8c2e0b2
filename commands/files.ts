/** Where files of messages are kept, as the command line says it. */
import { folderStorage, type Storage } from '../gateway/index.ts';
import { type Options, textOf, UsageError } from './options.ts';

export const filesOptions = {
  files: { type: 'string' },
  's3-endpoint': { type: 'string' },
  's3-region': { type: 'string' },
} as const;

export function filesHelp(fallback: string): string {
  return `  --files PLACE          where files of messages are kept: a folder, or s3://BUCKET/PREFIX (${fallback})
  --s3-endpoint URL      of a server of S3's protocol that is not Amazon's
  --s3-region NAME       (us-east-1)`;
}

const s3Shape = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?)\/*)?$/;

/** Undefined: nowhere. */
export async function openFiles(options: Options, fallback: string): Promise<Storage | undefined> {
  const place = textOf(options, 'files', fallback);
  if (place === '') return undefined;
  if (!place.startsWith('s3://')) return folderStorage(place);
  const [, bucket, folder = ''] = s3Shape.exec(place) ?? [];
  if (bucket === undefined) throw new UsageError(`--files takes a folder, or s3://BUCKET/PREFIX, not "${place}".`);
  // Loaded when asked for: it is large.
  const { s3Storage } = await import('../gateway/media/s3-storage.ts');
  return s3Storage({
    bucket,
    prefix: folder === '' ? '' : `${folder}/`,
    region: textOf(options, 's3-region', 'us-east-1'),
    endpoint: textOf(options, 's3-endpoint', ''),
  });
}
