import { createHash, randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import type { ResultFiles } from '../api/schemas/results.ts';
import { unreachable } from './exchange.ts';
import { retrying } from './retry.ts';
import type { Connection } from './send.ts';
import { SheafError, storeProblem } from './sheaf-error.ts';

export interface DownloadOptions {
  signal?: AbortSignal;
  /** Bytes written so far, of all. */
  onProgress?: (received: number, of: number) => void;
}

export type Downloadable = Pick<ResultFiles['files'][number], 'url' | 'bytes' | 'sha256'>;

/**
 * Streams a result file to disk. It gets its name only when its length and SHA-256 are those that the API told, so
 * whatever has the name is whole.
 * @throws {SheafError} `corrupt_download` when they are not; nothing is left behind then
 */
export async function downloadFile(
  connection: Pick<Connection, 'fetch' | 'retries'>,
  file: Downloadable,
  path: string,
  options: DownloadOptions = {},
): Promise<void> {
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    await retrying(connection.retries, options.signal, () => receive(connection, file, partial, options));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function receive(
  connection: Pick<Connection, 'fetch'>,
  file: Downloadable,
  partial: string,
  options: DownloadOptions,
): Promise<void> {
  const response = await askFor(connection, file.url, options.signal);
  const hash = createHash('sha256');
  let received = 0;
  const target = await open(partial, 'w');
  try {
    for await (const piece of piecesOf(response)) {
      received += piece.length;
      if (received > file.bytes) break;
      hash.update(piece);
      await target.appendFile(piece);
      options.onProgress?.(received, file.bytes);
    }
  } finally {
    await target.close();
  }
  checkReceived(file, received, hash.digest('hex'));
}

async function askFor(
  connection: Pick<Connection, 'fetch'>,
  url: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  try {
    const response = await connection.fetch(url, { ...(signal && { signal }) });
    if (response.ok) return response;
    throw storeProblem(response.status, await response.text());
  } catch (error) {
    throw error instanceof SheafError ? error : unreachable('the download', error);
  }
}

function checkReceived(file: Downloadable, received: number, sha256: string): void {
  const corrupt = (detail: string) => new SheafError(0, 'corrupt_download', detail);
  if (received !== file.bytes) {
    const length = received > file.bytes ? 'more' : `${received}`;
    throw corrupt(`the file should have ${file.bytes} bytes and has ${length}`);
  }
  if (sha256 !== file.sha256) {
    throw corrupt(`the file should have the SHA-256 ${file.sha256} and has ${sha256}`);
  }
}

/** A body that breaks off is the network's fault, unlike a disk that is full. */
async function* piecesOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    while (true) {
      const { done, value } = await reader
        .read()
        .catch((error: unknown) => Promise.reject(unreachable('the download', error)));
      if (done) return;
      yield value;
    }
  } finally {
    // Frees the connection when the rest is not wanted; a body that failed has nothing to cancel.
    await Promise.allSettled([reader.cancel()]);
  }
}
