import { randomUUID } from 'node:crypto';
import { constants, copyFile, type FileHandle, link, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, syncDirectory } from './directories.ts';
import type { DiskSpace } from './disk-space.ts';
import { warn } from './errors.ts';
import type { Segment } from './records.ts';

const READ_BYTES = 256 * 1024;
/** After so many bytes of one file it is asked once more whether there is room. */
const ASK_BYTES = 4 * 1024 * 1024;
/** What a file system answers that cannot link: other device, no links, too many, not permitted. */
const CANNOT_LINK = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * The bytes of one bucket: files with random names in one flat directory, written once. A file that no journal
 * record names is nobody's: an upload under way, or what a crash left, which the next start sweeps. So there are
 * no temporary names and no rename; the journal's record is what makes an object. The directory is flat because
 * a group of puts then needs one directory fsync, and ext4, XFS and APFS index directories.
 */
export class DataFiles {
  readonly #directory: string;
  readonly #space: DiskSpace;
  readonly #pins = new Map<string, number>();
  readonly #doomed = new Set<string>();
  /** Removals, one after the other: to unlink a large file may take the disk a while, and nobody waits for it. */
  #removals: Promise<void> = Promise.resolve();

  constructor(directory: string, space: DiskSpace) {
    this.#directory = directory;
    this.#space = space;
  }

  /**
   * @param bytes how many are to be written, as far as that is known
   * @throws S3Error InsufficientStorage; so does what is written then
   */
  async create(bytes: number): Promise<DataWriter> {
    await this.#space.need(bytes);
    const file = randomUUID();
    return new DataWriter(file, await open(join(this.#directory, file), 'wx', 0o600), this.#space);
  }

  /** A new name for the same bytes: a hard link where the file system has them (files never change), else a copy. */
  async adopt(source: DataFiles, segment: Segment): Promise<Segment> {
    const file = randomUUID();
    const from = join(source.#directory, segment.file);
    const to = join(this.#directory, file);
    try {
      await link(from, to);
    } catch (error) {
      if (!CANNOT_LINK.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await this.#space.need(segment.size);
      try {
        await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        await syncFile(to);
      } catch (copyError) {
        await this.remove([{ file, size: segment.size }]);
        throw copyError;
      }
    }
    return { file, size: segment.size };
  }

  /** Keeps files from being removed until the returned function is called (once or more). */
  pin(segments: readonly Segment[]): () => void {
    const files = segments.map((segment) => segment.file);
    for (const file of files) this.#pins.set(file, (this.#pins.get(file) ?? 0) + 1);
    let pinned = true;
    return () => {
      if (!pinned) return;
      pinned = false;
      for (const file of files) this.#unpin(file);
    };
  }

  get beingRead(): boolean {
    return this.#pins.size > 0;
  }

  #unpin(file: string): void {
    const count = (this.#pins.get(file) ?? 1) - 1;
    if (count > 0) {
      this.#pins.set(file, count);
      return;
    }
    this.#pins.delete(file);
    if (this.#doomed.delete(file)) this.removeLater([{ file, size: 0 }]);
  }

  /** Removes files that no record names any more; those being read go when their last reader is done. */
  async remove(segments: readonly Segment[]): Promise<void> {
    for (const { file } of segments) {
      if (this.#pins.has(file)) this.#doomed.add(file);
      else await this.#unlink(file);
    }
  }

  /** As `remove`, behind what is being removed; a start after a crash does what was left undone. */
  removeLater(segments: readonly Segment[]): void {
    this.#removals = this.#removals.then(() => this.remove(segments));
  }

  /** Resolves when all that `removeLater` was given is gone. */
  async settled(): Promise<void> {
    await this.#removals;
  }

  async #unlink(file: string): Promise<void> {
    try {
      await unlink(join(this.#directory, file));
    } catch (error) {
      // Harmless but for the space: the next start sweeps it.
      if (!isMissing(error)) warn(`data file ${file} could not be removed`, error);
    }
  }

  /** Makes the names of new files durable. */
  async sync(): Promise<void> {
    await syncDirectory(this.#directory);
  }

  /** Removes what `named` does not hold, and says which named files are not there. */
  async sweep(named: ReadonlySet<string>): Promise<string[]> {
    const present = new Set(await readdir(this.#directory));
    for (const file of present) if (!named.has(file)) await this.#unlink(file);
    return [...named].filter((file) => !present.has(file));
  }

  /**
   * The bytes `start` to `end` (both included) of a run of segments, one file open at a time. The caller pins.
   * @throws Error when a file is shorter than its record says: then the disk is damaged
   */
  async *read(segments: readonly Segment[], start: number, end: number): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const segment of segments) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset + 1, segment.size);
      if (from < to) yield* readFile(join(this.#directory, segment.file), from, to);
      offset += segment.size;
    }
  }
}

async function* readFile(path: string, from: number, to: number): AsyncGenerator<Buffer> {
  const handle = await open(path, 'r');
  try {
    for (let position = from; position < to; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, to - position));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) throw new Error(`data file ${path} ends at ${position}, before ${to}`);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** One data file while it is written. */
export class DataWriter {
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #space: DiskSpace;
  #size = 0;
  #unasked = 0;

  constructor(file: string, handle: FileHandle, space: DiskSpace) {
    this.#file = file;
    this.#handle = handle;
    this.#space = space;
  }

  /** What has been written so far, as a segment: what to remove when the write comes to nothing. */
  get segment(): Segment {
    return { file: this.#file, size: this.#size };
  }

  /** Writes all of `chunk` behind what is there; `writeFile` on a handle goes on after a short write. */
  async append(chunk: Buffer): Promise<void> {
    this.#unasked += chunk.length;
    if (this.#unasked > ASK_BYTES) {
      await this.#space.need(this.#unasked);
      this.#unasked = 0;
    }
    await this.#handle.writeFile(chunk);
    this.#size += chunk.length;
  }

  /** Makes the bytes durable. The handle still has to be closed. */
  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
