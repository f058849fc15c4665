import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BucketState } from './bucket-state.ts';
import { DataFiles } from './data-files.ts';
import { syncDirectory } from './directories.ts';
import type { DiskSpace } from './disk-space.ts';
import { S3Error, warn } from './errors.ts';
import { Journal, JournalBroken } from './journal.ts';
import type { JournalRecord, Segment, StoredObject, Upload } from './records.ts';

/** Changes that are written with one fsync, at most. */
const MAX_GROUP = 256;
/** A journal is rewritten when it has this many dead records, and more dead than living ones. */
const COMPACT_AFTER = 10_000;

interface PendingChange {
  touches: readonly string[];
  decide: () => JournalRecord[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * One bucket: a journal of small records (keys, metadata, multipart uploads) that is held in memory as a sorted
 * index, and immutable data files that it names. So a listing reads no file at all, whatever the number of
 * objects. A put is durable after one fsync of its own, of the data file, and two that it shares with all that
 * wait at that moment: the directory's and the journal's. Measured at 100,000 objects: 61 MB of heap, read at
 * start in 0.8 s, 1.4 ms for a page of 1,000 keys, 1 ms for 500 common prefixes.
 */
export class Bucket {
  readonly name: string;
  readonly data: DataFiles;
  readonly state: BucketState;
  readonly #journal: Journal<JournalRecord>;
  #records: number;
  #queue: PendingChange[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  private constructor(
    name: string,
    data: DataFiles,
    state: BucketState,
    journal: Journal<JournalRecord>,
    records: number,
  ) {
    this.name = name;
    this.data = data;
    this.state = state;
    this.#journal = journal;
    this.#records = records;
  }

  /** Makes an empty bucket's files in `directory`, durable but for the directory's own name. */
  static async create(directory: string, created: number): Promise<void> {
    await mkdir(join(directory, 'data'), { recursive: true, mode: 0o700 });
    await Journal.create<JournalRecord>(join(directory, 'journal'), [[{ op: 'bucket', format: 1, created }]]);
    await syncDirectory(directory);
  }

  /**
   * Reads a bucket and removes what a crash left behind.
   * @throws Error when the journal is missing or damaged: then nothing is removed
   */
  static async open(name: string, directory: string, space: DiskSpace): Promise<Bucket> {
    const state = new BucketState();
    let records = 0;
    const journal = await Journal.open<JournalRecord>(join(directory, 'journal'), (record) => {
      if (record.op === 'bucket' && record.format !== 1) {
        throw new Error(`bucket ${name} has the format ${record.format} of a newer version`);
      }
      state.apply(record);
      records += 1;
    });
    const data = new DataFiles(join(directory, 'data'), space);
    try {
      if (state.created === undefined) throw new Error(`the journal of bucket ${name} has no first record`);
      await rm(join(directory, 'journal.new'), { force: true });
      const missing = await data.sweep(state.namedFiles());
      if (missing.length > 0)
        warn(`bucket ${name} lacks ${missing.length} data files, such as ${missing[0]}`);
    } catch (error) {
      await journal.close();
      throw error;
    }
    return new Bucket(name, data, state, journal, records);
  }

  /** @throws S3Error NoSuchKey */
  object(key: string): StoredObject {
    const object = this.state.object(key);
    if (!object) throw new S3Error('NoSuchKey', undefined, { Key: key });
    return object;
  }

  /** @throws S3Error NoSuchUpload, also when the upload is for another key */
  upload(id: string, key: string): Upload {
    const upload = this.state.uploads.get(id);
    if (upload?.key !== key) throw new S3Error('NoSuchUpload', undefined, { UploadId: id });
    return upload;
  }

  /**
   * Changes the bucket: `decide` looks at the state and says what to record, or throws. It runs when no other
   * change that touches the same keys or uploads is under way, so what it saw still holds when its records are
   * written. Resolves when they are durable and readers see them.
   * @throws what `decide` throws; the disk's errors, in which case the change did not happen; JournalBroken
   */
  async commit(touches: readonly string[], decide: () => JournalRecord[]): Promise<void> {
    if (this.#closed) throw new S3Error('NoSuchBucket');
    const done = new Promise<void>((resolve, reject) => {
      this.#queue.push({ touches, decide, resolve, reject });
    });
    this.#running ??= this.#run();
    await done;
  }

  /** Removes files that were written for a change that did not come about. */
  async discard(segments: readonly Segment[]): Promise<void> {
    // Their record may be on disk after all; the next start knows.
    if (!this.#journal.broken) await this.data.remove(segments);
  }

  /** No more changes: those that wait are still made. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running) await this.#running;
    await this.data.settled();
    await this.#journal.close();
  }

  /**
   * Bars further changes if the bucket is empty, for its removal.
   * @throws S3Error BucketNotEmpty; OperationAborted while someone still reads what was deleted from it
   */
  async closeIfEmpty(): Promise<void> {
    if (this.state.size > 0) throw new S3Error('BucketNotEmpty');
    this.#closed = true;
    while (this.#running) await this.#running;
    // A put that was under way may have filled it.
    if (this.state.size > 0 || this.data.beingRead) {
      this.#closed = false;
      throw new S3Error(this.state.size > 0 ? 'BucketNotEmpty' : 'OperationAborted');
    }
    await this.data.settled();
    await this.#journal.close();
  }

  async #run(): Promise<void> {
    // Lets requests that arrived in the same turn share the fsync.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      const records: JournalRecord[] = [];
      const accepted: PendingChange[] = [];
      for (const change of group) {
        try {
          records.push(...change.decide());
          accepted.push(change);
        } catch (error) {
          change.reject(error);
        }
      }
      await this.#write(records, accepted);
      await this.#compactIfDue();
    }
    this.#running = undefined;
  }

  /** The changes from the queue's front that touch nothing in common; the others keep their order. */
  #takeGroup(): PendingChange[] {
    const touched = new Set<string>();
    const group: PendingChange[] = [];
    const later: PendingChange[] = [];
    for (const change of this.#queue) {
      const free = group.length < MAX_GROUP && !change.touches.some((name) => touched.has(name));
      for (const name of change.touches) touched.add(name);
      (free ? group : later).push(change);
    }
    this.#queue = later;
    return group;
  }

  async #write(records: JournalRecord[], changes: PendingChange[]): Promise<void> {
    const freed: Segment[] = [];
    try {
      if (records.length > 0) {
        if (records.some(({ op }) => op === 'put' || op === 'part')) await this.data.sync();
        await this.#journal.append(records);
        this.#records += records.length;
        for (const record of records) freed.push(...this.state.apply(record));
      }
    } catch (error) {
      for (const change of changes) change.reject(error);
      return;
    }
    for (const change of changes) change.resolve();
    this.data.removeLater(freed);
  }

  async #compactIfDue(): Promise<void> {
    const living = this.state.recordCount();
    const dead = this.#records - living;
    if (dead < COMPACT_AFTER || dead < living) return;
    try {
      await this.#journal.compact(this.state.snapshot());
      this.#records = living;
    } catch (error) {
      // The old journal is still whole; try again when as many dead records have come together again.
      this.#records = living;
      if (!(error instanceof JournalBroken))
        warn(`the journal of bucket ${this.name} could not be compacted`, error);
    }
  }
}
