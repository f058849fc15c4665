import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-scratch-'));
  vi.stubEnv('TMPDIR', directory);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

describe('a scratch in a temporary file', () => {
  it('gives back any range of what was appended, while more is appended', async () => {
    const scratch = await tempFileScratch();
    const all = randomBytes(300_000);
    for (let start = 0; start < all.length; start += 70_001) {
      await scratch.append(all.subarray(start, start + 70_001));
      const end = Math.min(start + 70_001, all.length);
      expect(scratch.bytes).toBe(end);
      expect((await scratch.read(start >> 1, end)).equals(all.subarray(start >> 1, end))).toBe(true);
    }
    expect((await scratch.read(5, 5)).length).toBe(0);
    await scratch.close();
  });

  it('keeps a copy: the memory of what was appended can be used again', async () => {
    const scratch = await tempFileScratch();
    const memory = Buffer.alloc(1000);
    for (let round = 1; round <= 5; round += 1) {
      memory.fill(round);
      await scratch.append(memory);
    }
    const kept = await scratch.read(0, 5000);
    expect([0, 1, 2, 3, 4].map((round) => kept.subarray(round * 1000, (round + 1) * 1000))).toEqual(
      [1, 2, 3, 4, 5].map((value) => Buffer.alloc(1000, value)),
    );
    await scratch.close();
  });

  it('puts what is appended at once behind each other', async () => {
    const scratch = await tempFileScratch();
    await Promise.all(Array.from({ length: 20 }, (_, n) => scratch.append(Buffer.alloc(999, n))));
    const kept = await scratch.read(0, scratch.bytes);
    expect(kept).toEqual(Buffer.concat(Array.from({ length: 20 }, (_, n) => Buffer.alloc(999, n))));
    await scratch.close();
  });

  it('tells a range that was never kept from one that was', async () => {
    const scratch = await tempFileScratch();
    await scratch.append(Buffer.from('four'));
    await expect(scratch.read(2, 5)).rejects.toThrow(RangeError);
    expect((await scratch.read(2, 4)).toString()).toBe('ur');
    await scratch.close();
  });

  it('leaves no file behind: none has a name even while it is open, and closing twice is harmless', async () => {
    const scratches = await Promise.all([tempFileScratch(), tempFileScratch()]);
    await Promise.all(scratches.map((scratch) => scratch.append(Buffer.from('x'))));
    expect(await readdir(directory)).toEqual([]);
    for (const scratch of scratches) {
      await Promise.all([scratch.close(), scratch.close()]);
      await expect(scratch.append(Buffer.from('x'))).rejects.toThrow();
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it('fails where the directory for temporary files is not there', async () => {
    vi.stubEnv('TMPDIR', join(directory, 'nowhere'));
    await expect(tempFileScratch()).rejects.toThrow('ENOENT');
    vi.stubEnv('TMPDIR', directory);
  });
});
