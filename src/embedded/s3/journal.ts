import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncDirectory } from './directories.ts';
import { warn } from './errors.ts';

const READ_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** After a write whose outcome on disk is unknown: nothing more is written until the file is read again. */
export class JournalBroken extends Error {
  override readonly name = 'JournalBroken';
}

/**
 * An append-only file of records, one line to a group: CRC-32 of the rest, a space, a JSON array, a newline. A
 * line is on disk whole or it is not read: the last line of the file may be torn by a crash and is then cut off
 * (nobody was answered for it); a bad line with others behind it is damage, and opening refuses.
 */
export class Journal<R> {
  readonly #path: string;
  #handle: FileHandle;
  #length: number;
  #broken: Error | undefined;

  private constructor(path: string, handle: FileHandle, length: number) {
    this.#path = path;
    this.#handle = handle;
    this.#length = length;
  }

  /**
   * Reads every record into `onRecord` and opens the file for appending.
   * @throws Error when the file is not there or a line other than the last is damaged
   */
  static async open<R>(path: string, onRecord: (record: R) => void): Promise<Journal<R>> {
    const handle = await open(path, 'r+');
    try {
      const length = await replay(handle, path, onRecord);
      if ((await handle.stat()).size > length) {
        await handle.truncate(length);
        await handle.sync();
      }
      return new Journal(path, handle, length);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Makes a file with these records, durable when this returns but for its name in the directory. */
  static async create<R>(path: string, groups: Iterable<readonly R[]>): Promise<void> {
    const handle = await open(path, 'w', 0o600);
    try {
      for (const group of groups) await handle.writeFile(encode(group));
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Whether what was appended last may or may not be on disk. */
  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /**
   * Appends one group, durably. When this throws anything but JournalBroken, the file is as it was before.
   * Calls must not overlap.
   */
  async append(records: readonly R[]): Promise<void> {
    if (this.#broken) throw new JournalBroken(`journal ${this.#path} is broken`, { cause: this.#broken });
    const line = encode(records);
    try {
      await writeAt(this.#handle, line, this.#length);
      await this.#handle.datasync();
    } catch (error) {
      await this.#rollBack(error as Error);
      throw error;
    }
    this.#length += line.length;
  }

  /** Takes back a torn append; a disk that cannot do that either is not written to any more. */
  async #rollBack(cause: Error): Promise<void> {
    try {
      await this.#handle.truncate(this.#length);
      await this.#handle.sync();
    } catch (error) {
      this.#broken = cause;
      warn(`journal ${this.#path} could not be rolled back; no more writes until a restart`, error);
      throw new JournalBroken(`journal ${this.#path} could not be written`, { cause });
    }
  }

  /** Replaces the file by one with only these records. When it fails, the old file stays. */
  async compact(groups: Iterable<readonly R[]>): Promise<void> {
    const fresh = `${this.#path}.new`;
    try {
      await Journal.create(fresh, groups);
    } catch (error) {
      await rm(fresh, { force: true });
      throw error;
    }
    const handle = await open(fresh, 'r+');
    let length: number;
    try {
      length = (await handle.stat()).size;
      await rename(fresh, this.#path);
    } catch (error) {
      await handle.close();
      throw error;
    }
    const old = this.#handle;
    this.#handle = handle;
    this.#length = length;
    try {
      await syncDirectory(dirname(this.#path));
    } catch (error) {
      // After a power cut the old file might be there again, without what would be appended to the new one.
      this.#broken = error as Error;
      throw error;
    } finally {
      await old.close();
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function encode(records: readonly unknown[]): Buffer {
  const json = Buffer.from(`${JSON.stringify(records)}\n`);
  return Buffer.concat([Buffer.from(`${checksum(json.subarray(0, -1))} `), json]);
}

function checksum(json: Uint8Array): string {
  return crc32(json).toString(16).padStart(8, '0');
}

/** The group in a line without its newline; undefined when the line is not what was written. */
function decode(line: Buffer): unknown[] | undefined {
  const json = line.subarray(9);
  if (line[8] !== 0x20 || checksum(json) !== line.toString('latin1', 0, 8)) return undefined;
  return JSON.parse(json.toString('utf8')) as unknown[];
}

async function writeAt(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** Feeds all good lines to `onRecord` and returns where they end. */
async function replay<R>(handle: FileHandle, path: string, onRecord: (record: R) => void): Promise<number> {
  let good = 0;
  let bad = false;
  const pieces: Buffer[] = [];
  const onLine = (line: Buffer): void => {
    if (bad) throw new Error(`journal ${path} is damaged at byte ${good}, with more lines behind it`);
    const group = decode(line);
    if (group) {
      for (const record of group) onRecord(record as R);
      good += line.length + 1;
    } else bad = true;
  };
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, position);
    if (bytesRead === 0) {
      if (bad && pieces.length > 0) onLine(Buffer.alloc(0));
      return good;
    }
    position += bytesRead;
    let from = 0;
    for (;;) {
      const end = buffer.subarray(0, bytesRead).indexOf(NEWLINE, from);
      if (end === -1) break;
      pieces.push(buffer.subarray(from, end));
      onLine(Buffer.concat(pieces.splice(0)));
      from = end + 1;
    }
    if (from < bytesRead) pieces.push(buffer.subarray(from, bytesRead));
  }
}
