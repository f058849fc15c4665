import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failedLine, type ResultLine, succeededLine, unprocessedLine } from '../../src/core/result.ts';
import { ChunkResults, unprocessedResults } from '../../src/formats/results/chunk-results.ts';

const bytesOf = (lines: readonly ResultLine[]) =>
  Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

const error = { code: 'taken', message: 'is taken' };

/** Texts that look like the parts of a line, and any others. */
const text = fc.oneof(
  fc.constantFrom(
    '',
    '\\',
    '"',
    '"}\n{',
    '","status":"failed"',
    '{"record":1,"status":"failed"',
    '\u2028é😀',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const records = fc.array(
  fc.record({ failed: fc.boolean(), text, customId: fc.option(text, { nil: undefined }) }),
  { maxLength: 30 },
);
const others = fc.constantFrom('succeeded' as const, 'unprocessed' as const);

describe('the lines of a chunk', () => {
  test('are told apart without being parsed, whatever they hold', () => {
    const first = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(records, first, others, (given, firstRecord, other) => {
        const lines = given.map((it, index): ResultLine => {
          const record = firstRecord + index;
          if (it.failed) return failedLine(record, [{ ...error, value: it.text }], 1, it.customId);
          // An output may have a key and a value as a failed line has them.
          const output = { status: 'failed', text: it.text, again: [{ status: 'failed' }] };
          return other === 'succeeded'
            ? succeededLine(record, output, 1, it.customId)
            : unprocessedLine(record, it.customId);
        });
        const range = { firstRecord, records: lines.length };
        const results = new ChunkResults(bytesOf(lines), range, other);
        for (const status of ['succeeded', 'failed', 'unprocessed'] as const) {
          const these = lines.filter((line) => line.status === status);
          expect(results.count(status)).toBe(these.length);
          expect(results.only(status).toString()).toBe(bytesOf(these).toString());
          expect(results.places(status).map((index) => lines[index])).toEqual(these);
        }
        expect(results.places('all')).toEqual(lines.map((_, index) => index));
        for (const [index, line] of lines.entries()) {
          expect(results.status(index)).toBe(line.status);
          if (line.status === 'failed') expect(JSON.parse(results.failedLine(index))).toEqual(line);
          else expect(() => results.failedLine(index)).toThrow('has not failed');
        }
      }),
    );
  });

  test('that all have one status are those of the part itself, not a copy', () => {
    const bytes = bytesOf([succeededLine(1, {}, 1), succeededLine(2, {}, 1)]);
    const results = new ChunkResults(bytes, { firstRecord: 1, records: 2 }, 'succeeded');
    expect(results.only('succeeded')).toBe(bytes);
  });

  const good = (...numbers: number[]) => numbers.map((record) => succeededLine(record, {}, 1));
  const bad = (record: number) => failedLine(record, [error], 1);

  test.each([
    ['one is missing', good(1, 2), '2 lines for the 3 records from 1'],
    ['one is too many', good(1, 2, 3, 4), '4 lines for the 3 records from 1'],
    ['they are those of later records', good(2, 3, 4), 'not the lines of the 3 records from 1'],
    ['the last is another', good(1, 2, 4), 'not the lines of the 3 records from 1'],
    ['a failed one is there twice', [bad(1), bad(1), ...good(3)], 'not the lines of the 3 records from 1'],
    ['a failed one is too late', [...good(1), bad(4), ...good(3)], 'not the lines of the 3 records from 1'],
  ])('are refused when %s', (_, lines, message) => {
    const range = { firstRecord: 1, records: 3 };
    expect(() => new ChunkResults(bytesOf(lines), range, 'succeeded')).toThrow(message);
  });

  test.each([
    ['{"record":1,"status":"succeeded"}', 'has no end'],
    ['{"status":"failed"}\n', 'not the lines'],
    ['\n', 'not the lines'],
    ['', '0 lines for the 1 records'],
  ])('are refused when they are no lines of ours: %j', (broken, message) => {
    const range = { firstRecord: 1, records: 1 };
    expect(() => new ChunkResults(Buffer.from(broken), range, 'succeeded')).toThrow(message);
  });
});

describe('a chunk without a part', () => {
  const range = { firstRecord: 11, records: 4 };

  test('has its bad records failed, and the others unprocessed, with the custom ids that they have', () => {
    const failed = bytesOf([failedLine(12, [error], 0, 'b'), failedLine(14, [error], 0)]);
    const results = unprocessedResults(range, [failed], (index) => ['a', 'b', undefined, 'd'][index]);
    expect(results.bytes.toString()).toBe(
      bytesOf([
        unprocessedLine(11, 'a'),
        failedLine(12, [error], 0, 'b'),
        unprocessedLine(13),
        failedLine(14, [error], 0),
      ]).toString(),
    );
  });

  test('a later list says more of a record than an earlier one', () => {
    const later = failedLine(13, [error, error], 0);
    const results = unprocessedResults(
      range,
      [bytesOf([failedLine(13, [error], 0), failedLine(11, [error], 0)]), bytesOf([later])],
      () => undefined,
    );
    expect(results.count('failed')).toBe(2);
    expect(JSON.parse(results.failedLine(2))).toEqual(later);
  });

  test('that was stopped half way has records of every status, told apart whatever they hold', () => {
    const status = fc.constantFrom('succeeded' as const, 'failed' as const, 'unprocessed' as const);
    const given = fc.array(fc.record({ status, text, customId: fc.option(text, { nil: undefined }) }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(given, fc.integer({ min: 1, max: 10_000_000 }), (all, firstRecord) => {
        const lines = all.map((it, index): ResultLine => {
          const record = firstRecord + index;
          const output = { status: 'failed', text: it.text, again: [{ status: 'succeeded' }] };
          if (it.status === 'succeeded') return succeededLine(record, output, 2, it.customId);
          if (it.status === 'failed')
            return failedLine(record, [{ ...error, value: it.text }], 1, it.customId);
          return unprocessedLine(record, it.customId);
        });
        const known = lines.filter((line) => line.status !== 'unprocessed');
        const half = Math.floor(known.length / 2);
        const results = unprocessedResults(
          { firstRecord, records: lines.length },
          // In whatever order they come.
          [bytesOf(known.slice(half)), bytesOf(known.slice(0, half))],
          (index) => all[index]?.customId,
        );
        expect(results.bytes.toString()).toBe(bytesOf(lines).toString());
        for (const one of ['succeeded', 'failed', 'unprocessed'] as const) {
          const these = lines.filter((line) => line.status === one);
          expect(results.count(one)).toBe(these.length);
          expect(results.only(one).toString()).toBe(bytesOf(these).toString());
          expect(results.places(one).map((index) => lines[index])).toEqual(these);
        }
        expect(results.places('all')).toEqual(lines.map((_, index) => index));
        for (const [index, line] of lines.entries()) {
          expect(results.status(index)).toBe(line.status);
          if (line.status === 'failed') expect(JSON.parse(results.failedLine(index))).toEqual(line);
          else expect(() => results.failedLine(index)).toThrow('has not failed');
        }
      }),
    );
  });

  test('that nobody has looked at is unprocessed as a whole', () => {
    const results = unprocessedResults(range, [], () => undefined);
    expect([results.records, results.count('unprocessed')]).toEqual([4, 4]);
  });
});
