import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';

/** For whoever is just writing it. */
const secret_wait_ms = 1_000;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** The key that signs access tokens: made at the first start, readable by this user alone. */
export function openSecret(file: string): Uint8Array {
  try {
    return readSecret(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = `${randomBytes(32).toString('base64')}\n`;
  // Nodes that start together on one file: the first whole one counts.
  const draft = `${file}.${process.pid}`;
  writeSecret(draft, secret, 'w');
  try {
    linkSync(draft, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not every file system has links; on such a one it appears empty first.
    if (code !== 'EEXIST') writeSecret(file, secret, 'wx');
  } finally {
    unlinkSync(draft);
  }
  return readSecret(file);
}

/** `wx` leaves a file that is there as it is. */
function writeSecret(file: string, secret: string, flags: 'w' | 'wx'): void {
  try {
    const descriptor = openSync(file, flags, 0o600);
    writeSync(descriptor, secret);
    fsyncSync(descriptor);
    closeSync(descriptor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function readSecret(file: string): Uint8Array {
  const endMs = performance.now() + secret_wait_ms;
  while (readFileSync(file).byteLength === 0 && performance.now() < endMs) Atomics.wait(sleeper, 0, 0, 10);
  const secret = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (secret.byteLength < 32) throw new Error(`${file} must hold at least 32 bytes in base64`);
  return secret;
}
