import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';

/** One line of an export: `part` says what it is (docs/SPEC.md, PPL15). */
export interface ExportLine {
  readonly part: string;
  readonly [field: string]: unknown;
}

/**
 * Lines of a body, without their ends. Rejects with `unreachable` when it breaks off, and when nothing comes for `export_stall_ms_max`: what came by then is not whole.
 */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const utf8 = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read());
      rest += done ? utf8.decode() : utf8.decode(value, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
      if (done) break;
    }
  } catch (cause) {
    throw brokenOff(cause);
  } finally {
    // Of a reader that stops early the server is to hear at once.
    await reader.cancel().catch(() => {});
  }
  if (rest !== '') throw brokenOff();
}

/** All lines up to the one that says that it was all. Rejects as `linesOf` does, and where that line does not come. */
export async function* exportLines(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<{ text: string; line: ExportLine }> {
  for await (const text of linesOf(body)) {
    const line = parsed(text);
    if (line.part === 'end') return;
    yield { text, line };
  }
  throw brokenOff();
}

function parsed(text: string): ExportLine {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === 'object' && line !== null && typeof (line as ExportLine).part === 'string') {
      return line as ExportLine;
    }
  } catch {
    // The same answer as for JSON that is no line of an export.
  }
  throw new RingpostError('bad_answer', 'The answer is not an export of a Ringpost server.', false);
}

async function inTime<T>(reading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing comes')), sdkLimits.export_stall_ms_max);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

function brokenOff(cause?: unknown): RingpostError {
  return new RingpostError('unreachable', 'The export broke off; what has come is not all of it.', true, { cause });
}
