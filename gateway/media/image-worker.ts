/**
 * Looks into files that strangers have sent, in a process of its own: what kind each is by its content, and of images a copy without metadata, a smaller
 * one and a preview. Decoders of images have had bugs that run their author's code, or take all memory: this process holds no secrets and may be ended at any time.
 */
import { fileTypeFromFile } from 'file-type';
import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';

export interface LookJob {
  readonly job: number;
  readonly file: string;
  /** Where to put the copy and the smaller image. */
  readonly copy: string;
  readonly thumb: string;
  readonly imageBytesMax: number;
  readonly pixelsMax: number;
  readonly thumbPixels: number;
  readonly bytes: number;
}

export type Look =
  | {
      readonly kind: 'image';
      readonly type: string;
      readonly width: number;
      readonly height: number;
      readonly preview: string;
      readonly thumb: boolean;
    }
  | { readonly kind: 'other'; readonly type: string }
  /** It says that it is an image, and is none, or too large a one. */
  | { readonly kind: 'bad_image' }
  | { readonly kind: 'image_too_large' };

export interface LookDone {
  readonly job: number;
  /** Undefined: the look failed for a reason that is not the file's. */
  readonly look?: Look;
}

/** Of which a copy is made, and as what. All other formats are kept as they are, and are no images here. */
const images: { readonly [type: string]: 'jpeg' | 'png' | 'webp' | 'gif' | undefined } = {
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/apng': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
};
const preview_pixels = 16;
const memory_look_ms = 50;

/** Only the decoders of these formats: libvips has many more, and each is a way in. */
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegFile',
    'VipsForeignLoadPngFile',
    'VipsForeignLoadWebpFile',
    'VipsForeignLoadNsgifFile',
  ],
});
sharp.cache(false);
sharp.concurrency(1);

async function look(job: LookJob): Promise<Look> {
  const type = (await fileTypeFromFile(job.file))?.mime ?? 'application/octet-stream';
  const format = images[type];
  if (format === undefined) return { kind: 'other', type };
  if (job.bytes > job.imageBytesMax) return { kind: 'image_too_large' };
  const options: SharpOptions = { limitInputPixels: job.pixelsMax, animated: format === 'gif' || format === 'webp' };
  let header: Metadata;
  try {
    // Reads no pixels.
    header = await sharp(job.file, { ...options, limitInputPixels: false }).metadata();
  } catch {
    return { kind: 'bad_image' };
  }
  if (header.width * header.height > job.pixelsMax) return { kind: 'image_too_large' };
  try {
    const upright = sharp(job.file, options).autoOrient().toColourspace('srgb');
    const { width, height, pageHeight } = await encoded(upright, format).toFile(job.copy);
    const size = { width, height: pageHeight ?? height };
    const isLarge = Math.max(size.width, size.height) > job.thumbPixels || pageHeight !== undefined;
    if (isLarge) await smaller(job.copy, job.thumbPixels).webp({ quality: 70 }).toFile(job.thumb);
    const preview = await smaller(job.copy, preview_pixels).blur(1).webp({ quality: 40 }).toBuffer();
    return { kind: 'image', type: `image/${format}`, ...size, preview: preview.toString('base64'), thumb: isLarge };
  } catch {
    return { kind: 'bad_image' };
  }
}

function encoded(image: Sharp, format: 'jpeg' | 'png' | 'webp' | 'gif'): Sharp {
  switch (format) {
    case 'jpeg':
      return image.jpeg({ quality: 88 });
    case 'png':
      return image.png();
    case 'webp':
      return image.webp({ quality: 88 });
    case 'gif':
      return image.gif();
  }
}

/** Of one that moves the first picture. */
function smaller(file: string, pixels: number): Sharp {
  return sharp(file).resize({ width: pixels, height: pixels, fit: 'inside', withoutEnlargement: true });
}

/** libvips keeps its pixels outside the heap, where no limit of V8 reaches. */
function endBeyond(memoryBytesMax: number): void {
  setInterval(() => {
    if (process.memoryUsage.rss() > memoryBytesMax) process.exit(1);
  }, memory_look_ms).unref();
}

process.on('message', (job: LookJob) => {
  look(job).then(
    (found) => process.send?.({ job: job.job, look: found } satisfies LookDone),
    () => process.send?.({ job: job.job } satisfies LookDone),
  );
});
process.once('disconnect', () => process.exit());
endBeyond(Number(process.argv[2]));
