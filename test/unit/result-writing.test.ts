import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { failedLine } from '../../src/core/result.ts';
import type { ChunkLines } from '../../src/engine/ports/batch-results.ts';
import type { BatchClaim } from '../../src/engine/ports/claims.ts';
import { chunks, claim, INPUT, PARTS, part, sha256, store, write } from '../support/written-results.ts';

/** Faults that real parts do not have on demand; what they do have is in test/integration/results.test.ts. */

describe('writing results', () => {
  test('tells what it has done as it goes, and the store what may come', async () => {
    const it = store();
    for (const [index, bytes] of PARTS.entries()) it.objects.set(part(index), bytes);
    const { finished, done } = await write(it, chunks());
    expect(done).toEqual([2, 4]);
    expect(finished?.counts).toEqual({ total: 4, succeeded: 4, failed: 0, skipped: 0, unprocessed: 0 });
    expect(it.objects.get('all.ndjson')).toEqual(Buffer.concat(PARTS));
    expect(it.options.get('all.csv')?.contentType).toBe('text/csv; charset=utf-8');
    for (const [name, { expectedBytes }] of it.options) {
      const bytes = it.objects.get(name)?.length ?? -1;
      // Of what a handler answers nobody knows how much comes.
      if (name === 'all.ndjson' || name === 'succeeded.ndjson') expect(expectedBytes).toBeUndefined();
      else expect(expectedBytes).toBeGreaterThan(bytes);
    }
  });

  test('lets the event loop turn between the pieces of a chunk whose rows are filled up to a wide header', async () => {
    const count = 1000;
    const columns = Array.from({ length: 5000 }, (_, index) => ({ name: `c${index}`, field: null }));
    const input = Buffer.from('x\n'.repeat(count));
    const error = { code: 'cells_too_few', message: 'The row has 1 cell, the header has 5000' };
    const lines = Array.from(
      { length: count },
      (_, n) => `${JSON.stringify(failedLine(n + 1, [error], 0))}\n`,
    );
    const results = Buffer.from(lines.join(''));
    const key = `parts/${sha256(results)}`;
    const it = store();
    it.objects.set('input', input).set(key, results);
    let turns = 0;
    const most = new Map<string, number>();
    // What comes within one turn of the event loop was made while nobody else was heard.
    it.given.putStream = async (name, body, options) => {
      it.options.set(name.slice(name.lastIndexOf('/') + 1), options ?? {});
      let bytes = 0;
      let last = -1;
      let within = 0;
      for await (const piece of body) {
        within = turns === last ? within + piece.length : piece.length;
        last = turns;
        bytes += piece.length;
        most.set(name, Math.max(most.get(name) ?? 0, within));
      }
      it.objects.set(name.slice(name.lastIndexOf('/') + 1), Buffer.alloc(bytes));
    };
    let going = true;
    const ticking = (async () => {
      for (; going; turns += 1) await turn();
    })();
    const range = {
      number: 1,
      firstRecord: 1,
      records: count,
      start: 0,
      end: input.length,
      sha256: sha256(input),
    };
    const chunk: ChunkLines = {
      range,
      repeatedIds: [],
      part: key,
      validationPart: null,
      succeeded: 0,
      failed: count,
      invalid: 0,
    };
    const read = { ...claim.read!, columns } as BatchClaim['read'];
    try {
      await write(it, [chunk], {
        read,
        total: count,
        chunkCount: 1,
        upload: { bytes: input.length, etag: 'e' },
      });
    } finally {
      going = false;
      await ticking;
    }
    // Two tables of 5 MB each, 1 MiB at a time.
    expect(turns).toBeGreaterThan(10);
    expect(Math.max(...most.values())).toBeLessThan(3 * 2 ** 20);
    for (const name of ['all.csv', 'failed.csv']) {
      const bytes = it.objects.get(name)?.length ?? 0;
      expect(bytes).toBeGreaterThan(count * columns.length);
      expect(it.options.get(name)?.expectedBytes).toBeGreaterThan(bytes);
    }
  });

  test.each<[string, (lines: ChunkLines[]) => Partial<BatchClaim> | undefined, string]>([
    [
      'a part counts other than was settled',
      ([first]) => void Object.assign(first!, { succeeded: 1 }),
      'does not hold 1 and 0',
    ],
    [
      'a part is of other records',
      ([first]) => void Object.assign(first!.range, { firstRecord: 7 }),
      'not the lines of the 2',
    ],
    ['there are fewer records than were counted', () => ({ total: 5 }), 'do not add up'],
    ['a chunk is missing', (lines) => void lines.pop(), 'do not add up'],
    [
      'a part is not what was written',
      ([first]) => void Object.assign(first!, { part: `parts/${'0'.repeat(64)}` }),
      'are not what was written',
    ],
    [
      'the input has changed',
      ([, second]) => void Object.assign(second!.range, { sha256: 'x' }),
      'are not what was hashed',
    ],
  ])('is refused when %s: nobody is told of any file', async (_, spoil, message) => {
    const it = store();
    for (const [index, bytes] of PARTS.entries()) it.objects.set(part(index), bytes);
    const lines = chunks();
    const options = spoil(lines) ?? {};
    await expect(write(it, lines, options)).rejects.toThrow(message);
    expect(it.objects.has('manifest.json')).toBe(false);
  });

  test('stops when the lease is lost', async () => {
    const it = store();
    for (const [index, bytes] of PARTS.entries()) it.objects.set(part(index), bytes);
    const lost = new Error('the lease is not held any more');
    await expect(write(it, chunks(), {}, { signal: AbortSignal.abort(lost) })).rejects.toBe(lost);
  });

  test('gives all files up when one cannot be stored', async () => {
    const it = store();
    for (const [index, bytes] of PARTS.entries()) it.objects.set(part(index), bytes);
    const { putStream } = it.given;
    it.given.putStream = async (key, body, options) => {
      if (key.endsWith('succeeded.csv')) throw new Error('no room');
      await putStream(key, body, options);
    };
    await expect(write(it, chunks())).rejects.toThrow('no room');
    expect(it.objects.has('manifest.json')).toBe(false);
  });

  test('of a file whose header cannot be repeated leaves the unprocessed records out, and says so', async () => {
    const it = store();
    const lines = chunks().map((chunk) => ({ ...chunk, part: null, succeeded: 0 }));
    for (const { range } of lines) {
      range.start += 2 ** 20;
      range.end += 2 ** 20;
    }
    it.objects.set('input', Buffer.concat([Buffer.alloc(2 ** 20, '\n'), INPUT]));
    const { finished } = await write(it, lines, { read: null, resultsFormats: ['ndjson'] });
    expect(finished?.counts).toMatchObject({ total: 4, unprocessed: 4 });
    expect(finished?.files.map(({ kind }) => kind)).toEqual([
      'all',
      'succeeded',
      'failed',
      'errors',
      'manifest',
    ]);
    const { omitted } = JSON.parse(it.objects.get('manifest.json')?.toString() ?? '');
    expect(omitted).toEqual([
      { kind: 'unprocessed', format: 'csv', why: 'more than 1048576 bytes stand before the first record' },
    ]);
  });

  test('of an input that is read in another way than it was cut does without it, once the batch has failed', async () => {
    const it = store();
    it.objects.set(part(0), PARTS[0]!);
    const lines = chunks();
    Object.assign(lines[1]!, { part: null, succeeded: 0 }, { range: { ...lines[1]!.range, records: 3 } });
    const why = 'of the 3 records from 3 the input has 2';
    // Before, it may be the fault of this worker: the batch fails only when no other does better.
    await expect(write(it, lines, { total: 5 })).rejects.toThrow(why);
    expect(it.objects.has('manifest.json')).toBe(false);

    const { finished } = await write(it, lines, { total: 5, status: 'failed' });
    expect(finished?.counts).toMatchObject({ total: 5, succeeded: 2, unprocessed: 3 });
    const { omitted } = JSON.parse(it.objects.get('manifest.json')?.toString() ?? '');
    expect(omitted).toEqual(expect.arrayContaining([{ kind: 'unprocessed', format: 'csv', why }]));
    expect(finished?.files.map(({ kind }) => kind)).not.toContain('unprocessed');
  });

  test('of a batch whose records were never counted there is nothing to write', async () => {
    const it = store();
    const { finished } = await write(it, [], {
      status: 'cancelling',
      total: null,
      inputKey: null,
      read: null,
    });
    expect(finished?.files).toEqual([]);
    expect(finished?.counts.total).toBeNull();
    expect(it.options.size).toBe(0);
  });
});
