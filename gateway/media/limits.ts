/** Every bound of files, with its unit last (A9): part of the gateway's limits. */
export interface MediaLimits {
  // ---- by kind, as their content says; 0: none of the kind is taken
  readonly image_bytes_max: number;
  readonly audio_bytes_max: number;
  readonly video_bytes_max: number;
  readonly other_bytes_max: number;
  // ---- uploads
  /** Of one user at one node. */
  readonly uploads_unfinished_max: number;
  /** Of all uploads at one node, as long as they say that they are. */
  readonly uploads_total_bytes_max: number;
  /** An upload that was not finished, or not taken, by then is thrown away. */
  readonly upload_ms_max: number;
  /** One request that brings bytes; the upload goes on with the next. */
  readonly upload_request_ms_max: number;
  /** Time without a byte after which such a request, or a download, is ended. */
  readonly stall_ms_max: number;
  // ---- images
  /** Width times height, of one that moves times its pictures. */
  readonly image_pixels_max: number;
  /** Of the process that decodes them. */
  readonly image_memory_bytes_max: number;
  readonly image_ms_max: number;
  /** Files that wait to be looked into; one more is refused (`overloaded`). */
  readonly looks_waiting_max: number;
  /** The longer side of a smaller image. */
  readonly thumb_pixels: number;
  // ---- downloads
  readonly file_url_ms: number;
  // ---- what is kept
  /** So long a file stays without a message that holds it. */
  readonly file_grace_ms: number;
  /** The collector looks at so many blobs at a time, and then rests. */
  readonly collect_page_blobs: number;
  readonly collect_pause_ms: number;
}

const mib_bytes = 1024 * 1024;
const hour_ms = 60 * 60_000;

export const defaultMediaLimits: MediaLimits = {
  image_bytes_max: 32 * mib_bytes,
  audio_bytes_max: 64 * mib_bytes,
  video_bytes_max: 256 * mib_bytes,
  other_bytes_max: 256 * mib_bytes,
  uploads_unfinished_max: 16,
  uploads_total_bytes_max: 32 * 1024 * mib_bytes,
  upload_ms_max: 24 * hour_ms,
  upload_request_ms_max: 600_000,
  stall_ms_max: 30_000,
  image_pixels_max: 50_000_000,
  image_memory_bytes_max: 1024 * mib_bytes,
  image_ms_max: 20_000,
  looks_waiting_max: 64,
  thumb_pixels: 480,
  file_url_ms: 5 * 60_000,
  file_grace_ms: 24 * hour_ms,
  collect_page_blobs: 100,
  collect_pause_ms: 10_000,
};
