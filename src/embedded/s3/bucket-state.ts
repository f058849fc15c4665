import type { JournalRecord, Segment, StoredObject, Upload } from './records.ts';
import { SortedKeys, toByteOrder } from './sorted-keys.ts';

/**
 * What a bucket holds, in memory: the sum of its journal. Only `apply` changes it, at start and after each
 * append, so that memory and disk cannot come to differ.
 */
export class BucketState {
  /** Milliseconds since 1970; undefined until the first record has been read. */
  created: number | undefined;
  readonly keys = new SortedKeys();
  readonly #objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();

  get size(): number {
    return this.#objects.size;
  }

  object(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Takes one record in and returns the segments that nothing names any more. */
  apply(record: JournalRecord): Segment[] {
    switch (record.op) {
      case 'bucket':
        this.created = record.created;
        return [];
      case 'put':
        return this.#put(record.object);
      case 'delete': {
        const object = this.#objects.get(record.key);
        this.#objects.delete(record.key);
        this.keys.delete(toByteOrder(record.key));
        return object?.segments ?? [];
      }
      case 'upload':
        this.uploads.set(record.upload.id, { ...record.upload, parts: new Map() });
        return [];
      case 'part': {
        const parts = this.uploads.get(record.upload)?.parts;
        if (!parts) return record.part.segments;
        const former = parts.get(record.part.number);
        parts.set(record.part.number, record.part);
        return former?.segments ?? [];
      }
      case 'abort':
        return this.#endUpload(record.upload, []);
    }
  }

  #put(object: StoredObject): Segment[] {
    const former = this.#objects.get(object.key);
    this.#objects.set(object.key, object);
    if (!former) this.keys.add(toByteOrder(object.key));
    const left = object.upload === undefined ? [] : this.#endUpload(object.upload, object.segments);
    return [...(former?.segments ?? []), ...left];
  }

  #endUpload(id: string, kept: readonly Segment[]): Segment[] {
    const parts = this.uploads.get(id)?.parts.values() ?? [];
    this.uploads.delete(id);
    const files = new Set(kept.map((segment) => segment.file));
    return [...parts].flatMap((part) => part.segments).filter((segment) => !files.has(segment.file));
  }

  /** How many records a compacted journal would have. */
  recordCount(): number {
    let count = 1 + this.#objects.size;
    for (const upload of this.uploads.values()) count += 1 + upload.parts.size;
    return count;
  }

  /** The records that make this state, in groups of a size that does not block the event loop for long. */
  *snapshot(groupSize = 500): Generator<JournalRecord[]> {
    let group: JournalRecord[] = [];
    for (const record of this.#records()) {
      group.push(record);
      if (group.length < groupSize) continue;
      yield group;
      group = [];
    }
    if (group.length > 0) yield group;
  }

  *#records(): Generator<JournalRecord> {
    yield { op: 'bucket', format: 1, created: this.created ?? 0 };
    for (const object of this.#objects.values()) yield { op: 'put', object };
    for (const { parts, ...upload } of this.uploads.values()) {
      yield { op: 'upload', upload };
      for (const part of parts.values()) yield { op: 'part', upload: upload.id, part };
    }
  }

  /** Every file that an object or a part names. */
  namedFiles(): Set<string> {
    const files = new Set<string>();
    for (const object of this.#objects.values())
      for (const segment of object.segments) files.add(segment.file);
    for (const upload of this.uploads.values()) {
      for (const part of upload.parts.values()) for (const segment of part.segments) files.add(segment.file);
    }
    return files;
  }
}
