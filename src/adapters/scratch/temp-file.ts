import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RetryableFault } from '../../core/errors.ts';
import type { Scratch } from '../../formats/scratch.ts';

/**
 * A file in the directory for temporary files. Its name is removed at once, where the system allows that of an open file:
 * then nothing is left behind by a process that dies.
 */
export async function tempFileScratch(): Promise<Scratch> {
  const path = join(tmpdir(), `sheaf-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600).catch(noRoom);
  const named = await unlink(path).then(
    () => false,
    () => true,
  );
  let bytes = 0;
  let closing: Promise<void> | undefined;
  return {
    get bytes() {
      return bytes;
    },
    async append(buffer) {
      const start = bytes;
      bytes += buffer.length;
      for (let done = 0; done < buffer.length; ) {
        const { bytesWritten } = await file
          .write(buffer, done, buffer.length - done, start + done)
          .catch(noRoom);
        done += bytesWritten;
      }
    },
    async read(start, end) {
      const buffer = Buffer.allocUnsafe(end - start);
      for (let done = 0; done < buffer.length; ) {
        const { bytesRead } = await file.read(buffer, done, buffer.length - done, start + done);
        if (bytesRead === 0)
          throw new RangeError(`bytes ${start}–${end} were never kept; there are ${bytes}`);
        done += bytesRead;
      }
      return buffer;
    },
    close() {
      closing ??= file.close().then(() => (named ? unlink(path) : undefined));
      return closing;
    },
  };
}

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Nothing speaks against the step: it waits until there is room. */
function noRoom(error: NodeJS.ErrnoException): never {
  if (!FULL.has(error.code ?? '')) throw error;
  throw new RetryableFault('the disk for temporary files is full', { cause: error, away: true });
}
