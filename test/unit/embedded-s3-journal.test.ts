import {
  appendFile,
  type FileHandle,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Bucket } from '../../src/embedded/s3/bucket.ts';
import { DiskSpace } from '../../src/embedded/s3/disk-space.ts';
import { Journal, JournalBroken } from '../../src/embedded/s3/journal.ts';
import type { StoredObject } from '../../src/embedded/s3/records.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'embedded-s3-journal-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

async function readAll(path: string): Promise<unknown[]> {
  const records: unknown[] = [];
  const journal = await Journal.open(path, (record) => records.push(record));
  await journal.close();
  return records;
}

describe('a journal', () => {
  it('is read up to its last whole line wherever it was torn, and goes on from there', async () => {
    const path = join(directory, 'journal');
    await Journal.create(path, [[{ n: 1 }], [{ n: 2 }, { n: 'ü\n' }]]);
    const kept = await readFile(path);
    const journal = await Journal.open(path, () => undefined);
    await journal.append([{ n: 3 }, { n: 4 }]);
    await journal.close();
    const whole = await readFile(path);
    for (let length = kept.length; length < whole.length; length += 1) {
      await writeFile(path, whole.subarray(0, length));
      expect(await readAll(path)).toEqual([{ n: 1 }, { n: 2 }, { n: 'ü\n' }]);
      expect(await readFile(path)).toEqual(kept);
    }
    await writeFile(path, whole);
    expect((await readAll(path)).length).toBe(5);
    // What a disk may leave of a line: the right length, and zeros in it.
    const zeroed = Buffer.from(whole);
    zeroed.fill(0, kept.length + 12, whole.length);
    await writeFile(path, zeroed);
    expect((await readAll(path)).length).toBe(3);
  });

  it('is not opened when a line before the last is damaged', async () => {
    const path = join(directory, 'journal');
    await Journal.create(path, [[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]]);
    const whole = await readFile(path);
    for (const at of [0, 9, 12, whole.indexOf('\n') + 11]) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await writeFile(path, damaged);
      await expect(Journal.open(path, () => undefined)).rejects.toThrow('damaged');
      expect(await readFile(path)).toEqual(damaged);
    }
  });

  it('takes back what the disk would not keep, and writes no more when it cannot', async () => {
    const path = join(directory, 'journal');
    await Journal.create(path, [[{ n: 1 }]]);
    const journal = await Journal.open(path, () => undefined);
    const probe = await open(path);
    const handles = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    const fault = Object.assign(new Error('fault'), { code: 'EIO' });
    vi.spyOn(handles, 'datasync').mockRejectedValueOnce(fault);
    await expect(journal.append([{ n: 2 }])).rejects.toBe(fault);
    expect(await readAll(path)).toEqual([{ n: 1 }]);
    await journal.append([{ n: 3 }]);
    expect(await readAll(path)).toEqual([{ n: 1 }, { n: 3 }]);
    expect(journal.broken).toBe(false);

    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    vi.spyOn(handles, 'datasync').mockRejectedValueOnce(fault);
    vi.spyOn(handles, 'truncate').mockRejectedValueOnce(fault);
    await expect(journal.append([{ n: 4 }])).rejects.toThrow(JournalBroken);
    expect(journal.broken).toBe(true);
    await expect(journal.append([{ n: 5 }])).rejects.toThrow(JournalBroken);
    await journal.close();
  });

  it('holds lines longer than one read', async () => {
    const path = join(directory, 'journal');
    const records = [[{ text: 'x'.repeat(1_500_000) }], [{ text: 'y'.repeat(2_500_000) }]];
    await Journal.create(path, records);
    expect(await readAll(path)).toEqual(records.flat());
  });
});

describe('a bucket', () => {
  const object = (key: string, file: string): StoredObject => ({
    key,
    size: 1,
    etag: 'e',
    modified: 1,
    segments: [{ file, size: 1 }],
    headers: {},
  });
  const dataPath = (file: string): string => join(directory, 'data', file);
  const openBucket = (): Promise<Bucket> => Bucket.open('bucket', directory, new DiskSpace(directory, 0));

  it('is compacted when most of its journal is dead, and the same afterwards', async () => {
    await Bucket.create(directory, 5);
    const bucket = await openBucket();
    const keys = Array.from({ length: 250 }, (_, index) => `key ${index}`);
    for (let round = 0; round < 60; round += 1) {
      await bucket.commit(keys, () =>
        keys.map((key) => ({ op: 'put', object: object(key, `${key}-${round}`) })),
      );
    }
    await bucket.close();
    const lines = (await readFile(join(directory, 'journal'), 'utf8')).match(/"op":"put"/g)?.length ?? 0;
    expect(lines).toBeLessThan(10_500);
    for (const key of keys) await writeFile(dataPath(`${key}-59`), 'x');
    const again = await openBucket();
    expect(again.state.created).toBe(5);
    expect(again.state.size).toBe(250);
    expect(again.object('key 7').segments[0]?.file).toBe('key 7-59');
    await again.close();
  });

  it('sweeps what nobody names, but nothing when its journal is missing or damaged', async () => {
    await Bucket.create(directory, 5);
    const bucket = await openBucket();
    await writeFile(dataPath('named'), 'x');
    await writeFile(dataPath('orphan'), 'x');
    await bucket.commit([], () => [{ op: 'put', object: object('k', 'named') }]);
    await bucket.close();
    const journal = join(directory, 'journal');
    const whole = await readFile(journal);
    const damaged = Buffer.from(whole);
    damaged[3] = (damaged[3] ?? 0) ^ 1;
    await writeFile(journal, damaged);
    await expect(openBucket()).rejects.toThrow('damaged');
    await truncate(journal, 0);
    await expect(openBucket()).rejects.toThrow('no first record');
    await rm(journal);
    await expect(openBucket()).rejects.toThrow('ENOENT');
    expect(await readdir(join(directory, 'data'))).toHaveLength(2);
    await writeFile(journal, whole);
    await appendFile(journal, '0badc0de [{"op":"delete","key":"k"}');
    await (await openBucket()).close();
    expect(await readdir(join(directory, 'data'))).toEqual(['named']);
  });

  it('decides each change on what the earlier ones left', async () => {
    await Bucket.create(directory, 5);
    const bucket = await openBucket();
    const seen: Array<string | undefined> = [];
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        await writeFile(dataPath(`f${index}`), 'x');
        await bucket.commit(['same'], () => {
          seen.push(bucket.state.object('same')?.segments[0]?.file);
          return [{ op: 'put', object: object('same', `f${index}`) }];
        });
      }),
    );
    expect(new Set(seen).size).toBe(50);
    await bucket.close();
    expect(await readdir(join(directory, 'data'))).toHaveLength(1);
  });

  it('keeps files that are being read until the last reader is done', async () => {
    await Bucket.create(directory, 5);
    const bucket = await openBucket();
    await writeFile(dataPath('read'), 'x');
    await bucket.commit([], () => [{ op: 'put', object: object('k', 'read') }]);
    const { segments } = bucket.object('k');
    const [first, second] = [bucket.data.pin(segments), bucket.data.pin(segments)];
    await bucket.commit([], () => [{ op: 'delete', key: 'k' }]);
    await expect(bucket.closeIfEmpty()).rejects.toMatchObject({ code: 'OperationAborted' });
    first();
    first();
    expect(await readdir(join(directory, 'data'))).toEqual(['read']);
    second();
    while ((await readdir(join(directory, 'data'))).length > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await bucket.closeIfEmpty();
  });
});
