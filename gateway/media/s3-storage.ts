/** Blobs in a bucket of S3, or of what speaks its protocol (MinIO, Ceph, Garage and others). */
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { checkedName, type Storage } from './storage.ts';

export interface S3Place {
  readonly bucket: string;
  /** Before each name: '' or text that ends with a slash. */
  readonly prefix: string;
  readonly region: string;
  /** Of a server that is not Amazon's: its url; '' otherwise. */
  readonly endpoint: string;
}

/** A part of a multipart upload, bytes: S3 takes none smaller but the last. */
const part_bytes = 5 * 1024 * 1024;
const parts_at_once = 2;
const connect_ms_max = 5_000;
const answer_ms_max = 30_000;

/** Keys come by the ways of the official client: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine's role. */
export function s3Storage({ bucket, prefix, region, endpoint }: S3Place): Storage {
  const client = new S3Client({
    region,
    ...(endpoint !== '' && { endpoint, forcePathStyle: true }),
    // Checksums beyond the signature's are Amazon's own: others refuse them, or keep their frames as content.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: connect_ms_max, requestTimeout: answer_ms_max },
  });
  const at = (name: string) => ({ Bucket: bucket, Key: prefix + checkedName(name) });

  return {
    async put(name, source) {
      const upload = new Upload({
        client,
        params: { ...at(name), Body: source, ContentType: 'application/octet-stream' },
        partSize: part_bytes,
        queueSize: parts_at_once,
      });
      await upload.done();
    },
    size: (name) => unlessMissing(async () => (await client.send(new HeadObjectCommand(at(name)))).ContentLength ?? 0),
    get: (name, from, to) =>
      unlessMissing(async () => {
        const found = await client.send(new GetObjectCommand({ ...at(name), Range: `bytes=${from}-${to}` }));
        return found.Body as Readable;
      }),
    async delete(name) {
      await client.send(new DeleteObjectCommand(at(name)));
    },
    async list(after, limit) {
      const page = await client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          MaxKeys: limit,
          ...(after !== '' && { StartAfter: prefix + after }),
        }),
      );
      const blobs = (page.Contents ?? []).map(({ Key = '', Size = 0, LastModified }) => {
        return { name: Key.slice(prefix.length), bytes: Size, at: LastModified?.getTime() ?? Date.now() };
      });
      return { blobs, next: page.IsTruncated === true ? (blobs.at(-1)?.name ?? '') : '' };
    },
    close: () => client.destroy(),
  };
}

async function unlessMissing<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return undefined;
    throw error;
  }
}
