import { stat } from 'node:fs/promises';
import type { PartsTicket, UploadRequest, UploadTicket } from '../api/schemas/upload.ts';
import { putFile } from './put-file.ts';
import { putParts } from './put-parts.ts';
import type { Connection } from './send.ts';
import type { PutOptions } from './send-bytes.ts';

export interface UploadFileOptions extends PutOptions {
  /** What is said of the file besides its size: its name, type and hash. */
  about?: Pick<UploadRequest, 'filename' | 'content_type' | 'hash'>;
  /** A larger file is sent in parts. */
  largestPut?: number;
  /** Least length of a part. */
  partBytes?: number;
}

/** Up to here one request is as good as many, and a broken one costs a minute. */
const LARGEST_PUT = 1024 ** 3;
const PART_BYTES = 64 * 1024 ** 2;

/** As many as S3 takes. */
const MOST_PARTS = 10_000;

/** Uploads a file in a single PUT or in parts, whichever suits its size. @returns the handler */
export async function uploadFile(
  connection: Pick<Connection, 'post' | 'postAgain' | 'retries'>,
  path: string,
  options: UploadFileOptions = {},
): Promise<string> {
  const { about = {}, largestPut = LARGEST_PUT, partBytes = PART_BYTES, signal } = options;
  const { size } = await stat(path);
  if (size <= largestPut) {
    const ticket = await connection.post<UploadTicket>('/uploads', { ...about, size }, signal);
    await putFile(ticket, path, options);
    return ticket.handler;
  }
  const count = Math.min(MOST_PARTS, Math.ceil(size / partBytes));
  const ticket = await connection.post<PartsTicket>('/uploads', { ...about, size, parts: count }, signal);
  const parts = await putParts(ticket, path, connection.retries, options);
  await connection.postAgain(completionPath(ticket.handler), parts, signal);
  return ticket.handler;
}

export function uploadPath(handler: string): string {
  return `/uploads/${encodeURIComponent(handler)}`;
}

export function completionPath(handler: string): string {
  return `${uploadPath(handler)}/complete`;
}
