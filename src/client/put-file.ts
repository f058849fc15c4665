import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { UploadTicket } from '../api/schemas/upload.ts';
import { PIECE_BYTES } from './hash-file.ts';
import { type PutOptions, sendBytes, sizeDiffers } from './send-bytes.ts';

/** A file on disk, or a stream whose length is known. */
export type FileSource = string | { stream: Readable; size: number };

/**
 * Sends a file to the presigned URL of an upload.
 * @throws {SheafError} when the store refuses it or does not answer
 */
export async function putFile(
  ticket: UploadTicket,
  source: FileSource,
  options: PutOptions = {},
): Promise<void> {
  const size = typeof source === 'string' ? (await stat(source)).size : source.size;
  const headers = headersOf(ticket, size);
  const body = typeof source === 'string' ? readFrom(source, 0, size) : source.stream;
  await sendBytes({ url: ticket.url, method: ticket.method, headers, body, size }, options);
}

/** The ticket's headers are part of its signature and go as they are; the length is the file's. */
function headersOf(ticket: UploadTicket, size: number): Record<string, string> {
  const headers: Record<string, string> = { 'content-length': String(size) };
  for (const [name, value] of Object.entries(ticket.headers)) headers[name.toLowerCase()] = value;
  const stated = headers['content-length'];
  if (stated !== String(size)) {
    throw sizeDiffers(`the upload was made for ${stated} bytes, the file has ${size}`);
  }
  return headers;
}

/** Bytes `[start, end)` and no more, also of a file that grows meanwhile. */
export function readFrom(path: string, start: number, end: number): AsyncIterable<Buffer> {
  if (start === end) return (async function* () {})();
  return createReadStream(path, { highWaterMark: PIECE_BYTES, start, end: end - 1 });
}
