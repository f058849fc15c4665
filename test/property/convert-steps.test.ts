import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BrokenFile } from '../../src/formats/broken-file.ts';
import { evenPieces } from '../../src/formats/convert/even-pieces.ts';
import { gunzip } from '../../src/formats/convert/gunzip.ts';
import { JsonLines } from '../../src/formats/convert/json-lines.ts';
import { LoneCrToLf } from '../../src/formats/convert/lone-cr.ts';
import type { TextStep } from '../../src/formats/convert/text-step.ts';
import { Utf16Decoder } from '../../src/formats/convert/utf-16.ts';
import { Windows1252Decoder } from '../../src/formats/convert/windows-1252.ts';
import { parseCsvChunk } from '../../src/formats/csv/parse.ts';

const cuts = fc.array(fc.nat(), { maxLength: 20 });

function* cutPieces(bytes: Buffer, cuts: readonly number[]): Generator<Buffer> {
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [index, edge] of edges.entries()) yield bytes.subarray(edge, edges[index + 1] ?? edge);
}

/** Passes the bytes in pieces that are overwritten once what came out of them was taken. */
function through(step: TextStep, bytes: Buffer, cuts: readonly number[]): Buffer {
  const out: Buffer[] = [];
  for (const piece of cutPieces(bytes, cuts)) {
    const copy = Buffer.from(piece);
    out.push(Buffer.from(step.push(copy)));
    copy.fill(0x22);
  }
  out.push(step.finish());
  return Buffer.concat(out);
}

/** As UTF-8 has it, and halves of surrogate pairs as it would if they were characters. */
function wtf8(text: string): Buffer {
  const characters = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0xd800 || code > 0xdfff) return Buffer.from(character);
    return Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]);
  });
  return Buffer.concat(characters);
}

describe('UTF-16', () => {
  const units = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }),
    fc.constantFrom(0x22, 0x0a, 0xd83d, 0xde00, 0xdbff, 0xdc00, 0x7f, 0x80, 0x7ff, 0x800),
  );

  test('any units, cut anywhere, come out as what they stand for', () => {
    fc.assert(
      fc.property(fc.array(units, { maxLength: 60 }), fc.boolean(), cuts, (units, isBig, cuts) => {
        const bytes = Buffer.from(Uint16Array.from(units).buffer);
        const text = bytes.toString('utf16le');
        if (isBig) bytes.swap16();
        const step = new Utf16Decoder(isBig ? 'utf-16be' : 'utf-16le');
        expect(through(step, bytes, cuts).equals(wtf8(text))).toBe(true);
        expect(step.fault !== undefined).toBe(((units.at(-1) ?? 0) & 0xfc00) === 0xd800);
      }),
      { numRuns: 2000 },
    );
  });

  test('any text that is cut between two bytes of a character is told', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(text, fc.boolean(), fc.nat(), cuts, (text, isBig, at, cuts) => {
        const bytes = Buffer.from(text, 'utf16le');
        if (isBig) bytes.swap16();
        const end = at % (bytes.length + 1);
        const step = new Utf16Decoder(isBig ? 'utf-16be' : 'utf-16le');
        const out = through(step, bytes.subarray(0, end), cuts);
        const isWhole = Array.from(text).some(
          (_, count, all) => all.slice(0, count).join('').length * 2 === end,
        );
        expect(step.fault === undefined).toBe(isWhole || end === bytes.length);
        if (step.fault === undefined) expect(text.startsWith(out.toString())).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

test('Windows-1252: any bytes, cut anywhere, come out each by itself', () => {
  const single = Array.from({ length: 256 }, (_, byte) => new Windows1252Decoder().push(Buffer.from([byte])));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, cuts) => {
      const expected = Buffer.concat(Array.from(bytes, (byte) => single[byte]!));
      expect(through(new Windows1252Decoder(), Buffer.from(bytes), cuts).equals(expected)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

describe('lone CR', () => {
  const dialects = fc.constantFrom({ delimiter: 0x2c, quote: 0x22 }, { delimiter: 0x3b, quote: 0x27 });
  const text = fc.oneof(
    fc.constantFrom('\r', '\n', '\r\n', '"', "'", ',', ';', ' ', ''),
    fc.string({ unit: 'binary', maxLength: 4 }),
  );
  const cell = fc.array(text, { maxLength: 4 }).map((parts) => parts.join(''));

  test('any table comes back with every cell as it was, in any pieces', () => {
    const table = fc
      .integer({ min: 1, max: 4 })
      .chain((columns) =>
        fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 8 }),
      );
    fc.assert(
      fc.property(table, dialects, fc.boolean(), cuts, (table, dialect, atEnd, cuts) => {
        const [delimiter, quote] = [dialect.delimiter, dialect.quote].map((code) =>
          String.fromCharCode(code),
        );
        const written = (cell: string) => {
          const bare =
            !new RegExp(`[\r\n${delimiter}${quote}]`).test(cell) && (table[0]!.length > 1 || cell !== '');
          return bare ? cell : quote + cell.replaceAll(quote!, quote! + quote!) + quote;
        };
        const rows = table.map((cells) => cells.map(written).join(delimiter)).join('\r');
        const bytes = through(new LoneCrToLf(dialect), Buffer.from(rows + (atEnd ? '\r' : '')), cuts);
        const columns = table[0]!.length;
        const limits = { cellBytes: 1 << 20 };
        const read = parseCsvChunk(bytes, { dialect, columns, limits, firstRecord: 1, start: 0 });
        expect(read.map((row) => row.cells)).toEqual(table);
      }),
      { numRuns: 1000 },
    );
  });

  test('any bytes come out with nothing changed but CRs, the same in any pieces', () => {
    const soup = fc.array(text, { maxLength: 30 }).map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(soup, dialects, cuts, (bytes, dialect, cuts) => {
        const whole = through(new LoneCrToLf(dialect), bytes, []);
        expect(through(new LoneCrToLf(dialect), bytes, cuts).equals(whole)).toBe(true);
        expect(whole.length).toBe(bytes.length);
        for (const [at, byte] of whole.entries()) {
          if (byte !== bytes[at])
            expect([bytes[at], byte, bytes[at + 1] === 0x0a]).toEqual([0x0d, 0x0a, false]);
        }
        expect(through(new LoneCrToLf(dialect), whole, cuts).equals(whole)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a JSON array', () => {
  const value = fc.jsonValue({ stringUnit: 'binary' });
  const indent = fc.constantFrom(undefined, 1, 2, '\t', '  ');

  function linesOf(text: string, cuts: readonly number[]) {
    const step = new JsonLines();
    const lines = through(step, Buffer.from(text), cuts).toString().split('\n');
    return { lines: lines.at(-1) === '' ? lines.slice(0, -1) : lines, fault: step.fault };
  }

  test('of any values, written in any way, has a line for each', () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 8 }),
        indent,
        fc.boolean(),
        cuts,
        (items, indent, isCrLf, cuts) => {
          const text = JSON.stringify(items, null, indent);
          const { lines, fault } = linesOf(isCrLf ? text.replaceAll('\n', '\r\n') : text, cuts);
          expect(fault).toBeUndefined();
          expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(text));
          if (indent === undefined) expect(`[${lines.join()}]`).toBe(text);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('that is cut anywhere has the lines before, and is told', () => {
    const array = fc.array(value, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(array, indent, fc.nat(), cuts, (items, indent, at, cuts) => {
        const bytes = Buffer.from(JSON.stringify(items, null, indent));
        const whole = through(new JsonLines(), bytes, []);
        const step = new JsonLines();
        const lines = through(step, bytes.subarray(0, at % bytes.length), cuts);
        expect(step.fault?.code).toBe('file_json_malformed');
        expect(whole.subarray(0, lines.length).equals(lines)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('any text is one if and only if nothing is wrong with it and each line is JSON', () => {
    const token = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom('[', ']', '{', '}', ',', ':', '"a"', '1', ' ', '\n', '\r', '\t'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('"', '\\', '\\"', 'null', '-1.5e3', '{}', '[]', '{"a":1}', '\0', '\f'),
      },
    );
    const soup = fc.oneof(
      fc.array(token, { maxLength: 12 }).map((tokens) => `[${tokens.join('')}]`),
      fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join('')),
      fc
        .tuple(fc.array(value, { maxLength: 3 }), fc.nat(), fc.nat({ max: 2 }), token)
        .map(([items, at, out, token]) => {
          const text = JSON.stringify(items);
          return text.slice(0, at % text.length) + token + text.slice((at % text.length) + out);
        }),
    );
    const isJson = (text: string) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(soup, cuts, (soup, cuts) => {
        // Halves of surrogate pairs are not in any file of UTF-8.
        const text = Buffer.from(soup).toString();
        const { lines, fault } = linesOf(text, cuts);
        const isArray = isJson(text) && Array.isArray(JSON.parse(text));
        expect(fault === undefined && lines.every(isJson)).toBe(isArray);
        if (isArray) expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(text));
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('gzip', () => {
  const member = fc
    .tuple(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 300 })),
      fc.constantFrom(0, 1, 6, 9),
    )
    .map(([bytes, level]) => gzipSync(bytes, { level }));
  const members = fc.array(member, { minLength: 1, maxLength: 4 });

  async function unpacked(file: Buffer, cuts: readonly number[]) {
    async function* pieces() {
      yield* cutPieces(file, cuts);
    }
    const out: Buffer[] = [];
    try {
      for await (const piece of gunzip(pieces(), 1e9)) out.push(piece);
    } catch (error) {
      if (!(error instanceof BrokenFile)) throw error;
      return { bytes: Buffer.concat(out), fault: error.fault };
    }
    return { bytes: Buffer.concat(out), fault: undefined };
  }

  test('any members, in any pieces, are one file', async () => {
    await fc.assert(
      fc.asyncProperty(members, fc.nat({ max: 20 }), cuts, async (members, zeros, cuts) => {
        const file = Buffer.concat([...members, Buffer.alloc(zeros)]);
        const { bytes, fault } = await unpacked(file, cuts);
        expect(fault).toBeUndefined();
        expect(bytes.equals(Buffer.concat(members.map((member) => gunzipSync(member))))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('any damage is found, and nothing comes out that was not in it', async () => {
    await fc.assert(
      fc.asyncProperty(
        members,
        fc.nat(),
        fc.uint8Array({ maxLength: 3 }),
        fc.nat({ max: 3 }),
        cuts,
        async (members, at, more, out, cuts) => {
          const whole = Buffer.concat(members);
          const place = at % (whole.length + 1);
          const file = Buffer.concat([whole.subarray(0, place), more, whole.subarray(place + out)]);
          const { bytes, fault } = await unpacked(file, cuts);
          if (fault === undefined) expect(gunzipSync(file).equals(bytes)).toBe(true);
          else expect(['file_damaged', 'file_truncated']).toContain(fault.code);
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('even pieces are the same bytes', async () => {
  const KIB = 1024;
  const sizes = fc.array(
    fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 100 * KIB }), fc.nat({ max: 2500 * KIB })),
    {
      maxLength: 12,
    },
  );
  await fc.assert(
    fc.asyncProperty(sizes, fc.boolean(), async (sizes, fails) => {
      let count = 0;
      const pieces = sizes.map((size) => Buffer.alloc(size, count++));
      const trouble = new Error('over');
      async function* source() {
        yield* pieces;
        if (fails) throw trouble;
      }
      const even: Buffer[] = [];
      let thrown: unknown;
      try {
        for await (const piece of evenPieces(source())) even.push(piece);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBe(fails ? trouble : undefined);
      expect(Buffer.concat(even).equals(Buffer.concat(pieces))).toBe(true);
      for (const [index, { length }] of even.entries()) {
        expect(length).toBeLessThanOrEqual(1024 * KIB);
        expect(length).toBeGreaterThan(0);
        if (index < even.length - 1 && sizes.every((size) => size < 64 * KIB)) expect(length).toBe(64 * KIB);
      }
    }),
    { numRuns: 100 },
  );
});
