import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { parse as losslessParse } from 'lossless-json';
import { describe, expect, test } from 'vitest';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { UNSTATED } from '../../src/core/file-format.ts';
import type { JsonObject } from '../../src/core/json-record.ts';
import { csvDescription, type InputDescription } from '../../src/formats/description.ts';
import { HEAD_BYTES } from '../../src/formats/detect/head.ts';
import { type FileIndex, FileIndexer } from '../../src/formats/index-pass.ts';
import { parseChunk, type Row, recordSlices } from '../../src/formats/parse-chunk.ts';

const ROOMY: ChunkLimits = { records: 5000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };
const RESERVED = ['__proto__', 'constructor', 'prototype'];

/**
 * The indexer holds its first bytes back to tell what the file is, and so joins the pieces they come in. After a first
 * record of as many it sees the pieces of what follows as they were cut.
 */
const LONG_RECORD = { first: 'x'.repeat(HEAD_BYTES) };

/** Pushes the file cut at `cuts`, always from the same memory, as a reader with one buffer would. */
function indexed(file: Buffer, cuts: readonly number[], limits: ChunkLimits): FileIndex {
  const format = { ...UNSTATED, encoding: 'utf-8' } as const;
  const indexer = new FileIndexer({ limits, format, known: new Set() });
  const memory = Buffer.alloc(file.length);
  const edges = [0, ...cuts.map((cut) => cut % (file.length + 1)).sort((a, b) => a - b), file.length];
  for (const [index, edge] of edges.entries()) {
    const length = (edges[index + 1] ?? edge) - edge;
    file.copy(memory, 0, edge, edge + length);
    indexer.push(memory.subarray(0, length));
    memory.fill(0x22);
  }
  return indexer.finish();
}

function descriptionOf({ layout, columns }: FileIndex): InputDescription {
  const shown = (columns ?? ['']).map((name) => ({ name, field: null }));
  return layout?.format === 'ndjson'
    ? { ...layout, columns: shown, mapping: {}, values: UNSTATED.values }
    : csvDescription({ bom: false, columns: shown, ...(layout?.format === 'csv' && layout) });
}

function rowsOf(file: Buffer, index: FileIndex): Row[][] {
  return index.chunks.map(({ start, end, firstRecord, fault }) => {
    if (fault) return [{ fault, offset: 0 }];
    const bytes = file.subarray(start, end);
    return parseChunk(bytes, descriptionOf(index), { firstRecord, start, limits: ROOMY });
  });
}

function slicesOf(file: Buffer, index: FileIndex): Buffer[][] {
  return index.chunks.map(({ start, end, fault }) => {
    const bytes = file.subarray(start, end);
    return fault ? [bytes] : recordSlices(bytes, descriptionOf(index));
  });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Where records are, by the plainest reading of the rules; [start, end) in bytes. */
function linesByTheBook(file: Buffer, from: number): [number, number][] {
  const records: [number, number][] = [];
  for (let start = from; start < file.length; ) {
    let end = start;
    while (end < file.length && file[end] !== 0x0a) end += 1;
    end = Math.min(end + 1, file.length);
    if (/[^ \t\r\n]/.test(file.subarray(start, end).toString('latin1'))) records.push([start, end]);
    start = end;
  }
  return records;
}

const text = fc.oneof(
  fc.constantFrom('"', ':', '":', '\\', '\\"', '{', '}', '[', ',', '\n', '\r\n', '\u2028', '\0', '1.10', ''),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const key = text.filter((name) => !RESERVED.includes(name));
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.constant(0.1));
const { object } = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    number,
    fc.constantFrom(null, true, false),
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

const cuts = fc.array(fc.nat(), { maxLength: 40 });
const limits = fc.record({
  records: fc.integer({ min: 1, max: 8 }),
  bytes: fc.integer({ min: 1, max: 200 }),
  recordBytes: fc.constant(1 << 20),
  cellBytes: fc.constant(1 << 20),
});
const smallLimits = fc.record({
  records: fc.integer({ min: 1, max: 6 }),
  bytes: fc.integer({ min: 1, max: 60 }),
  recordBytes: fc.integer({ min: 4, max: 80 }),
  cellBytes: fc.constant(1 << 20),
});

/** How a file is laid out around its records. */
const layout = fc.record({
  bom: fc.boolean(),
  lineEnd: fc.constantFrom('\r\n', '\n'),
  blankLines: fc.array(fc.constantFrom('', '', '\n', '\r\n', ' \t\n'), { minLength: 1, maxLength: 7 }),
  lastLineEnd: fc.boolean(),
  spacing: fc.constantFrom('', ' '),
});

describe('any list of objects', () => {
  test('comes back as JSON.parse reads each line, in any pieces and chunks', () => {
    fc.assert(
      fc.property(
        fc.array(object, { minLength: 1, maxLength: 20 }),
        layout,
        cuts,
        limits,
        (objects, { bom, lineEnd, blankLines, lastLineEnd, spacing }, cuts, limits) => {
          const lines = [LONG_RECORD, ...objects].map((value) => spacing + JSON.stringify(value));
          let text = bom ? '\uFEFF' : '';
          for (const [index, line] of lines.entries()) {
            const last = index === lines.length - 1 && !lastLineEnd;
            text += line + (last ? '' : lineEnd + (blankLines[index % blankLines.length] ?? ''));
          }
          const file = Buffer.from(text);
          const index = indexed(file, cuts, limits);

          expect(index.fault).toBeUndefined();
          expect(index).toMatchObject({ columns: ['first'], records: lines.length });
          expect(index.layout).toMatchObject({ format: 'ndjson', bom });
          const rows = rowsOf(file, index);
          expect(rows.flat().map((row) => row.value ?? row.fault)).toEqual(
            lines.map((line) => JSON.parse(line)),
          );
          expect(rows.map((of) => of.length)).toEqual(index.chunks.map((chunk) => chunk.records));
          const slices = slicesOf(file, index).flat();
          expect(slices.map((slice) => slice.toString().trim())).toEqual(lines.map((line) => line.trim()));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('has its numbers as they are written, as another parser finds them', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 20 });
    const literal = fc
      .tuple(
        fc.constantFrom('', '-'),
        fc.bigInt({ min: 0n, max: 10n ** 20n }),
        fc.option(digits),
        fc.option(fc.integer()),
      )
      .map(([sign, whole, decimals, exponent]) => {
        return `${sign}${whole}${decimals === null ? '' : `.${decimals}`}${exponent === null ? '' : `e${exponent % 400}`}`;
      });
    fc.assert(
      fc.property(
        object,
        literal,
        key.filter((name) => !['before', 'it', 'after'].includes(name)),
        text,
        (before, literal, key, after) => {
          const named = `${JSON.stringify(key)} : ${literal}`;
          const line = `{"before":${JSON.stringify(before)},"it":{${named} },"after":${JSON.stringify(after)},${named}}`;
          const description = descriptionOf(indexed(Buffer.from(line), [], ROOMY));
          const [row] = parseChunk(Buffer.from(line), description, {
            firstRecord: 1,
            start: 0,
            limits: ROOMY,
          });
          if (row?.value === undefined) throw new Error(row?.fault?.message);
          expect(row.literal(['it', key])).toBe(literal);
          expect(row.literal([key])).toBe(literal);
          const other = losslessParse(line, undefined, (number) => number) as { it: Record<string, string> };
          expect(other.it[key]).toBe(literal);
          if (row.exact) expect(Number.parseFloat(literal)).toBe((row.value.it as JsonObject)[key]);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('has the numbers of its outermost keys as they are written, whatever else is in it', () => {
    const members = fc.uniqueArray(fc.tuple(fc.oneof(key, fc.constantFrom('a', 'b', 'a b')), fc.nat(99)), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 4,
    });
    const colon = fc.constantFrom(':', ' : ', '\t:');
    fc.assert(
      fc.property(members, object, colon, fc.boolean(), (members, inner, colon, before) => {
        const numbers = members.map(([name, n]) => `${JSON.stringify(name)}${colon}${n}.10`);
        const other = `"other"${colon}${JSON.stringify([inner, { a: 1, b: 'a', 'a b': 'b' }])}`;
        const line = `{${(before ? [other, ...numbers] : [...numbers, other]).join()}}`;
        const rows = rowsOf(Buffer.from(line), indexed(Buffer.from(line), [], ROOMY)).flat();
        for (const [name, n] of members) expect(rows[0]?.value && rows[0].literal([name])).toBe(`${n}.10`);
      }),
      { numRuns: 1000 },
    );
  });

  test('with a key twice is told, wherever it is', () => {
    const place = fc.constantFrom<(members: string) => string>(
      (members) => `{${members}}`,
      (members) => `{"outer":{${members}}}`,
      (members) => `{"outer":[1,{${members}}],"b":2}`,
    );
    const members = fc.uniqueArray(key, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        members,
        text,
        place,
        fc.constantFrom(':', ' : '),
        fc.nat(),
        (keys, value, place, colon, which) => {
          const write = (keys: readonly string[]) =>
            place(keys.map((name) => `${JSON.stringify(name)}${colon}${JSON.stringify(value)}`).join());
          const file = Buffer.from(
            `${JSON.stringify({ a: 1 })}\n${write(keys)}\n${write([...keys, keys[which % keys.length]!])}\n`,
          );
          const rows = rowsOf(file, indexed(file, [], ROOMY)).flat();
          expect(rows.map((row) => row.fault?.code)).toEqual([undefined, undefined, 'json_key_repeated']);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('a damaged file', () => {
  const byte = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(0x22, 0x5c, 0x0a, 0x0d, 0x20, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x3a, 0x30),
    },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
  );
  const damage = fc.array(
    fc.record({ at: fc.nat(), remove: fc.nat({ max: 3 }), insert: fc.array(byte, { maxLength: 3 }) }),
    { minLength: 1, maxLength: 8 },
  );

  function damaged(
    file: Buffer,
    hits: readonly { at: number; remove: number; insert: number[] }[],
    from: number,
  ): Buffer {
    let bytes = file;
    for (const { at, remove, insert } of hits) {
      const place = from + (at % (bytes.length - from + 1));
      bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(insert), bytes.subarray(place + remove)]);
    }
    return bytes;
  }

  test('never throws, and each of its lines is one record, cut where the rules say', () => {
    fc.assert(
      fc.property(
        fc.array(object, { minLength: 1, maxLength: 10 }),
        damage,
        cuts,
        smallLimits,
        (objects, hits, cuts, limits) => {
          const first = `${JSON.stringify(LONG_RECORD)}\n`;
          const lines = first + objects.map((value) => `${JSON.stringify(value)}\n`).join('');
          const file = damaged(Buffer.from(lines), hits, first.length);
          const index = indexed(file, cuts, limits);
          expect(index).toMatchObject({ sha256: sha256(file), bytes: file.length });
          expect(index.layout?.format).toBe('ndjson');
          expect(index).toEqual(indexed(file, [], limits));

          const expected = linesByTheBook(file, 0);
          expect(index.records).toBe(expected.length);
          const records = slicesOf(file, index).flat();
          expect(records.map((record) => record.toString('latin1'))).toEqual(
            expected.map(([start, end]) => file.subarray(start, end).toString('latin1')),
          );
          const rows = rowsOf(file, index);
          for (const [position, chunk] of index.chunks.entries()) {
            expect(rows[position]).toHaveLength(chunk.records);
            const before = index.chunks.slice(0, position).reduce((sum, { records }) => sum + records, 0);
            expect(chunk).toMatchObject({ number: position + 1, firstRecord: before + 1 });
            expect(chunk.sha256).toBe(sha256(file.subarray(chunk.start, chunk.end)));
            const own = expected.slice(before, before + chunk.records);
            expect(chunk.start).toBe(own[0]?.[0]);
            for (const [row, { offset }] of (chunk.fault ? [] : rows[position]!).entries()) {
              if (offset !== undefined) expect(chunk.start + offset).toBe(own[row]?.[0]);
            }
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('never throws at its first bytes either, as whatever it is then read', () => {
    const whole = fc.oneof(
      fc
        .array(object, { minLength: 1, maxLength: 4 })
        .map((objects) => objects.map((value) => JSON.stringify(value)).join('\n')),
      fc.constantFrom(
        'a,b\r\n1,"2"\r\n3,4\r\n',
        '{"a":1}\n',
        '[{"a":1}]',
        '{\n"a":1}',
        '\uFEFF{"a":"b"}\n{"a":"c"}',
      ),
    );
    fc.assert(
      fc.property(whole, damage, cuts, smallLimits, (text, hits, cuts, limits) => {
        const file = damaged(Buffer.from(text), hits, 0);
        const index = indexed(file, cuts, limits);
        expect(index).toEqual(indexed(file, [], limits));
        expect(index.layout === null).toBe(
          index.conversion !== null || index.fault?.code === 'file_not_supported',
        );
        const counts = index.chunks.map((chunk) => chunk.records);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(index.records);
        if (index.records === 0) expect(index.fault ?? index.conversion).toBeTruthy();
        expect(rowsOf(file, index).map((rows) => rows.length)).toEqual(counts);
        expect(slicesOf(file, index).map((slices) => slices.length)).toEqual(counts);
      }),
      { numRuns: 3000 },
    );
  });
});
