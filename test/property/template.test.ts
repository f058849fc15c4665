import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import Type, { type TObject, type TSchema } from 'typebox';
import { describe, expect, test } from 'vitest';
import { isOurColumn } from '../../src/core/our-columns.ts';
import { inputColumns } from '../../src/formats/template/column.ts';
import { madeUpRecord } from '../../src/formats/template/made-up.ts';
import { TEMPLATE_FORMATS } from '../../src/formats/template/table.ts';
import { templateFile } from '../../src/formats/template/template-file.ts';
import { closed, operationOf } from '../support/operation-of.ts';
import { readTemplate } from '../support/read-template.ts';

/* Whatever an operation takes, its template comes back from our readers as the records that it shows. */

const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !text.includes('\0'));
const awkward = fc.constantFrom(
  '=1+1',
  '+x',
  '-',
  '@a',
  "'=",
  ' a ',
  'a,b;c|d',
  '"',
  '\r\n',
  '007',
  'TRUE',
  '1e5',
);
const value = fc.oneof(text, awkward).filter((text) => text !== '');

/** As a field may be called that a header row can name: without white space around it, which readers take away. */
const name = fc
  .oneof(text, awkward, fc.constantFrom('id', 'e-mail', 'Größe', 'a b', 'sep=;', 'Name "x"'))
  .filter((name) => name.trim() === name && name !== '' && !name.includes('.'))
  .filter((name) => !(name in Object.prototype) && name !== 'prototype' && !isOurColumn(name));

/** With as many digits as every program keeps. */
const number = fc
  .double({ min: -1e30, max: 1e30, noNaN: true })
  .map((value) => (Math.abs(value) < 1e-30 ? 0 : Number(value.toPrecision(15))));

interface Leaf {
  schema: TSchema;
  value: fc.Arbitrary<unknown>;
}

const leaf: fc.Arbitrary<Leaf> = fc.oneof(
  fc.constant({ schema: Type.String(), value }),
  fc.constant({ schema: Type.String({ maxLength: 20, description: '=a\u0001<b>' }), value }),
  fc.uniqueArray(value, { minLength: 1, maxLength: 40 }).map((values) => ({
    schema: Type.Unsafe<string>({ type: 'string', enum: values }),
    value: fc.constantFrom(...values),
  })),
  fc.constant({
    schema: Type.String({ format: 'date' }),
    value: fc
      .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10)),
  }),
  fc.constant({
    schema: Type.String({ format: 'date-time' }),
    value: fc
      .date({ min: new Date('0002-01-01'), max: new Date('9998-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString()),
  }),
  fc.constant({ schema: Type.Integer(), value: fc.maxSafeInteger() }),
  fc.constant({ schema: Type.Number(), value: number }),
  fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 5 }).map((values) => ({
    schema: Type.Unsafe<number>({ type: 'integer', enum: values }),
    value: fc.constantFrom(...values),
  })),
  fc.constant({ schema: Type.Boolean(), value: fc.boolean() }),
);

interface Shown {
  input: TObject;
  records: Record<string, unknown>[];
}

const shown: fc.Arbitrary<Shown> = fc
  .uniqueArray(fc.record({ name, leaf, required: fc.boolean(), nested: fc.boolean() }), {
    selector: ({ name }) => name,
    minLength: 1,
    maxLength: 6,
  })
  .chain((fields) => {
    const schemaOf = ({ leaf: { schema }, required }: (typeof fields)[number]) =>
      required ? schema : Type.Optional(schema);
    const [inside, outside] = [true, false].map((nested) =>
      fields.filter((field) => field.nested === nested),
    );
    const objectOf = (some: typeof fields) =>
      Type.Object(Object.fromEntries(some.map((field) => [field.name, schemaOf(field)])), closed);
    const nest = 'nested in';
    const hasNest = inside!.length > 0 && !outside!.some((field) => field.name === nest);
    const input = hasNest
      ? Type.Object({ ...objectOf(outside!).properties, [nest]: objectOf(inside!) }, closed)
      : objectOf(fields);
    const valuesOf = (some: typeof fields) =>
      fc.record(Object.fromEntries(some.map((field) => [field.name, field.leaf.value])));
    const record = hasNest
      ? fc.tuple(valuesOf(outside!), valuesOf(inside!)).map(([one, other]) => ({ ...one, [nest]: other }))
      : valuesOf(fields);
    return fc.array(record, { minLength: 1, maxLength: 4 }).map((records) => ({ input, records }));
  });

describe.each(TEMPLATE_FORMATS)('a template as %s', (format) => {
  async function read({ input, records }: Shown) {
    const table = {
      title: 'Register',
      description: '',
      columns: inputColumns(input),
      records,
      filled: false,
    };
    return await readTemplate(await buffer(templateFile(format, table)), operationOf(input));
  }

  test('comes back as the records that it shows', async () => {
    await fc.assert(
      fc.asyncProperty(shown, async (example) => {
        const { fault, records } = await read(example);
        expect(fault).toBeNull();
        expect(records.flatMap(({ errors }) => errors)).toEqual([]);
        // A negative zero is a zero.
        expect(JSON.stringify(records.map(({ input }) => input))).toBe(JSON.stringify(inOrder(example)));
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  test('comes back as the record that was made up for it', async () => {
    await fc.assert(
      fc.asyncProperty(shown, async ({ input }) => {
        const record = madeUpRecord(inputColumns(input), operationOf(input).checkInput);
        fc.pre(record !== null);
        const { records } = await read({ input, records: [record] });
        expect(records).toEqual([{ input: record, errors: [] }]);
      }),
      { numRuns: 80 },
    );
  }, 120_000);
});

/** With their keys in the schema's order, as readers put records together. */
function inOrder({ input, records }: Shown): unknown[] {
  return records.map((record) => ordered(input, record));
}

function ordered(schema: TSchema, value: unknown): unknown {
  const { properties } = schema as { properties?: Record<string, TSchema> };
  if (properties === undefined) return value;
  const from = value as Record<string, unknown>;
  const entries = Object.entries(properties).filter(([name]) => from[name] !== undefined);
  return Object.fromEntries(entries.map(([name, schema]) => [name, ordered(schema, from[name])]));
}
