import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ObjectGone, type ObjectStore, type ReadOptions } from '../../src/engine/ports/object-store.ts';
import { ProvenCopy } from '../../src/engine/proven-copy.ts';

/** Whatever a store gives in place of a private copy, nothing but what was hashed is given out. */

const KIB = 1024;
/** Two blocks and a part of a third. */
const COPY = randomBytes(600 * KIB);
const HASH = createHash('sha256').update(COPY).digest('hex');

/** @param given makes what comes of what is there, of a reading by its number from 1; `null`: there is nothing */
async function opened(given: (bytes: Buffer, reading: number) => Buffer | null = (bytes) => bytes) {
  const asked: ReadOptions['range'][] = [];
  const objects: Pick<ObjectStore, 'read'> = {
    async read(key, { range } = {}) {
      asked.push(range);
      const bytes = given(COPY.subarray(range?.start, range?.end), asked.length);
      if (bytes === null) throw new ObjectGone(key);
      return Readable.from(inPieces(bytes));
    },
  };
  const held = { signal: new AbortController().signal, alive: () => undefined };
  return { asked, copy: await ProvenCopy.read(objects, { inputKey: 'copy', hash: HASH }, held) };
}

function* inPieces(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

function other(bytes: Buffer, at: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[at] = damaged[at]! ^ 1;
  return damaged;
}

const RANGES = [
  { start: 0, end: 1 },
  { start: 10, end: 300 * KIB },
  { start: 256 * KIB, end: 512 * KIB },
  { start: 255 * KIB, end: 513 * KIB },
  { start: 599 * KIB, end: 600 * KIB },
];

describe('a private copy', () => {
  it.each(RANGES)('gives the bytes from $start to $end', async (range) => {
    const { copy } = await opened();
    expect((await buffer(copy.pieces(range))).equals(COPY.subarray(range.start, range.end))).toBe(true);
  });

  it('is read up to three times until it is the one that was hashed', async () => {
    const { copy, asked } = await opened((bytes, reading) => (reading < 3 ? other(bytes, reading) : bytes));
    expect([copy.bytes, asked.length]).toEqual([COPY.length, 3]);
    await expect(opened((bytes, reading) => other(bytes, reading))).rejects.toMatchObject({
      code: 'input_changed',
    });
  });

  it.each([
    ['other in one block', (bytes: Buffer) => other(bytes, 300 * KIB), 1],
    ['fewer, within a block', (bytes: Buffer) => bytes.subarray(0, 300 * KIB), 2],
    ['fewer, by whole blocks', (bytes: Buffer) => bytes.subarray(0, 256 * KIB), 2],
    ['none', () => Buffer.alloc(0), 3],
    ['without one in the middle', (bytes: Buffer) => cut(bytes, 300 * KIB), 2],
    ['more', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('more')]), 1],
  ])(
    'of which the bytes that come are %s gives the right ones: blocks are read again',
    async (_, given, again) => {
      const { copy, asked } = await opened((bytes, reading) => (reading === 2 ? given(bytes) : bytes));
      expect((await buffer(copy.pieces())).equals(COPY)).toBe(true);
      expect(asked.length).toBe(2 + again);
    },
  );

  it('that is changed or removed once it was proven gives nothing of it out', async () => {
    const changed = await opened((bytes, reading) => (reading > 1 ? other(bytes, 5) : bytes));
    const given: Buffer[] = [];
    const reading = async () => {
      for await (const piece of changed.copy.pieces()) given.push(piece);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'input_changed' });
    expect(given).toEqual([]);
    const removed = await opened((bytes, nth) => (nth > 1 ? null : bytes));
    await expect(buffer(removed.copy.pieces())).rejects.toMatchObject({ code: 'input_gone' });
    await expect(opened(() => null)).rejects.toMatchObject({ code: 'input_gone' });
  });
});

const cut = (bytes: Buffer, at: number) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
