import { stat } from 'node:fs/promises';
import type { CompletedParts, PartsTicket } from '../api/schemas/upload.ts';
import { readFrom } from './put-file.ts';
import { type RetryPolicy, retrying } from './retry.ts';
import { type PutOptions, sendBytes, sizeDiffers } from './send-bytes.ts';
import { SheafError } from './sheaf-error.ts';

/** Enough to fill a line that one connection does not. */
const PARTS_IN_FLIGHT = 4;

/**
 * Sends a file to the presigned URLs of its parts, several at once. A part whose sending fails is read and sent
 * again; those that have arrived are not.
 * @returns what the upload is completed with
 * @throws {SheafError} when the store refuses a part or does not answer
 */
export async function putParts(
  ticket: PartsTicket,
  path: string,
  retries: RetryPolicy,
  options: PutOptions = {},
): Promise<CompletedParts> {
  const { size } = await stat(path);
  const ranges = rangesOf(ticket, size);
  const progress = new Progress(size, options.onProgress);
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  const parts: CompletedParts = [];
  const put = async (range: PartRange) => {
    const etag = await retrying(retries, signal, () => putPart(ticket, path, range, progress, signal));
    parts[range.number - 1] = { number: range.number, etag };
  };
  // Each takes the next part that nobody has; the first failure ends them all.
  const waiting = ranges.values();
  const workers = Array.from({ length: PARTS_IN_FLIGHT }, async () => {
    try {
      for (const range of waiting) await put(range);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(workers);
  signal.throwIfAborted();
  return parts;
}

interface PartRange {
  number: number;
  url: string;
  start: number;
  end: number;
}

/** As the API has cut the file, or in equal parts where it was not told how long it is. */
function rangesOf(ticket: PartsTicket, size: number): PartRange[] {
  const length = ticket.part_bytes ?? Math.ceil(size / ticket.parts.length);
  const ranges = ticket.parts.map(({ number, url }) => {
    const start = Math.min(size, (number - 1) * length);
    return { number, url, start, end: Math.min(size, start + length) };
  });
  const last = ranges.at(-1);
  if (ticket.part_bytes !== undefined && (last?.end !== size || last.start === size)) {
    throw sizeDiffers(`the parts of the upload were made for another length than ${size} bytes`);
  }
  return ranges;
}

async function putPart(
  ticket: PartsTicket,
  path: string,
  { number, url, start, end }: PartRange,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const size = end - start;
  const headers = { ...ticket.headers, 'content-length': String(size) };
  const { etag } = await sendBytes(
    { url, method: ticket.method, headers, body: readFrom(path, start, end), size },
    { signal, onProgress: (sent) => progress.of(number, sent) },
  );
  if (etag === null) {
    throw new SheafError(0, 'invalid_answer', `the object store gave no ETag for part ${number}`);
  }
  return etag;
}

/** What all parts together have sent. A part that is sent again tells nothing new until it is further than before. */
class Progress {
  readonly #size: number;
  readonly #onProgress: PutOptions['onProgress'];
  readonly #sent = new Map<number, number>();
  #all = 0;

  constructor(size: number, onProgress: PutOptions['onProgress']) {
    this.#size = size;
    this.#onProgress = onProgress;
  }

  of(part: number, sent: number): void {
    const before = this.#sent.get(part) ?? 0;
    if (sent <= before) return;
    this.#sent.set(part, sent);
    this.#all += sent - before;
    this.#onProgress?.(this.#all, this.#size);
  }
}
