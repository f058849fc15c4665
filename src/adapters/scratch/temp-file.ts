import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scratch } from '../../formats/scratch.ts';

/**
 * A file in the directory for temporary files. Its name is removed at once, where the system allows that of an open file:
 * then nothing is left behind by a process that dies.
 */
export async function tempFileScratch(): Promise<Scratch> {
  const path = join(tmpdir(), `sheaf-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
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
        const { bytesWritten } = await file.write(buffer, done, buffer.length - done, start + done);
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
