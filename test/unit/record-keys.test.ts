import fc from 'fast-check';
import Type from 'typebox';
import { describe, expect, test } from 'vitest';
import { textAt } from '../../src/core/json-record.ts';
import { bindKeys, RecordReader } from '../../src/core/record.ts';
import { parseNdjsonChunk } from '../../src/formats/ndjson/parse.ts';
import { closed, operationOf } from '../support/operation-of.ts';

const person = operationOf(
  Type.Object(
    {
      id: Type.String({ minLength: 1, maxLength: 20 }),
      name: Type.Optional(Type.String()),
      age: Type.Optional(Type.Integer({ minimum: 0 })),
      score: Type.Optional(Type.Number()),
      active: Type.Optional(Type.Boolean()),
      address: Type.Optional(
        Type.Object({ city: Type.Optional(Type.String()), floor: Type.Optional(Type.Integer()) }, closed),
      ),
    },
    closed,
  ),
);

function record(line: string) {
  const [row] = parseNdjsonChunk(Buffer.from(line), {
    firstRecord: 1,
    start: 0,
    limits: { cellBytes: 1 << 20 },
  });
  if (row?.value === undefined) throw new Error(row?.fault.message ?? 'no record');
  return row;
}

function readAll(line: string, mapping: Record<string, string> = {}, operation = person) {
  return new RecordReader(operation, bindKeys([], mapping, operation)).read(record(line));
}

/** Reads the members of an object, after the id that every record needs. */
function read(members: string) {
  return readAll(`{"id":"x",${members}}`);
}

describe('bindKeys', () => {
  test('shows which field each key of the first record fills, and keeps the mapping', () => {
    const mapping = { Nr: 'id', 'ort.name': 'address.city', note: 'nickname' };
    expect(bindKeys(['Nr', 'id', 'address.floor', 'ort.name', 'note', 'address'], mapping, person)).toEqual({
      columns: [
        { name: 'Nr', field: 'id' },
        { name: 'id', field: null },
        { name: 'address.floor', field: 'address.floor' },
        { name: 'ort.name', field: 'address.city' },
        { name: 'note', field: null },
        { name: 'address', field: null },
      ],
      mapping,
    });
  });
});

describe('keys', () => {
  test('of objects within and keys with dots name the same field', () => {
    const input = { id: 'x', address: { city: 'Ulm', floor: 3 } };
    expect(read('"address":{"floor":3,"city":"Ulm"}').input).toEqual(input);
    expect(read('"address.city":"Ulm","address.floor":3').input).toEqual(input);
    expect(read('"address.city":"Ulm","address":{"floor":3}').input).toEqual(input);
  });

  test('that name no field are ignored, whatever they hold', () => {
    const ignored = '"Name":1,"tags":[{"a":"b\\u0000"}],"meta":{"id":"y"},"address":{"zip":1,"city":{}}';
    const { errors } = read(ignored);
    expect(errors.map(({ column }) => column)).toEqual(['address.city']);
    expect(read(ignored.replace(',"city":{}', ''))).toEqual({ input: { id: 'x' }, errors: [] });
  });

  test('are a matter of each record', () => {
    const reader = new RecordReader(person, bindKeys(['id'], {}, person));
    expect(reader.read(record('{"id":"x","name":"Ada"}')).input).toEqual({ id: 'x', name: 'Ada' });
    expect(reader.read(record('{"name":"Ada"}')).errors).toEqual([
      { code: 'required', message: 'must be given', field: 'id', column: 'id' },
    ]);
    expect(reader.read(record('{"id":"y"}')).input).toEqual({ id: 'y' });
  });

  test('are mapped by their path, and a mapped field is not filled by its own name', () => {
    const mapping = { 'kunde.nr': 'id', stadt: 'address.city', '.alter': 'age' };
    const line =
      '{"id":"no","kunde":{"nr":"7"},"stadt":"Ulm","address":{"city":"no","floor":1},"":{"alter":9}}';
    expect(readAll(line, mapping)).toEqual({
      input: { id: '7', address: { city: 'Ulm', floor: 1 }, age: 9 },
      errors: [],
    });
    expect(readAll('{"kunde.nr":"7",".alter":9}', mapping).input).toEqual({ id: '7', age: 9 });
  });

  test('can change places, and one mapped to no field is ignored', () => {
    expect(readAll('{"id":"a","name":"b"}', { id: 'name', name: 'id' }).input).toEqual({
      id: 'b',
      name: 'a',
    });
    expect(readAll('{"id":"a","name":"b"}', { name: 'nickname' }).input).toEqual({ id: 'a' });
  });

  test('one may be a field and lead to others', () => {
    const mapping = { address: 'name' };
    expect(readAll('{"id":"x","address":"Ulm"}', mapping).input).toEqual({ id: 'x', name: 'Ulm' });
    expect(readAll('{"id":"x","address":{"floor":2}}', mapping).input).toEqual({
      id: 'x',
      address: { floor: 2 },
    });
  });

  test('that give a field twice fail the record', () => {
    const { errors } = read('"address":{"city":"Ulm"},"address.city":"Bonn"');
    expect(errors).toEqual([
      {
        code: 'json_key_repeated',
        message: 'is given twice, within an object and by a key with dots',
        field: 'address.city',
        column: 'address.city',
        value: 'Bonn',
      },
    ]);
    expect(read('"address":{"city":null},"address.city":"Bonn"').errors).toEqual([]);
  });

  test.each(['toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'])('may be called %s', (key) => {
    expect(read(`"${key}":1`)).toEqual({ input: { id: 'x' }, errors: [] });
    expect(readAll(`{"${key}":"x"}`, { [key]: 'id' })).toEqual({ input: { id: 'x' }, errors: [] });
  });
});

describe('values', () => {
  test.each([['null'], ['""']])('%s is a field that is not given', (value) => {
    const all = ['name', 'age', 'score', 'active', 'address'].map((key) => `"${key}":${value}`).join();
    expect(read(all)).toEqual({ input: { id: 'x' }, errors: [] });
    expect(read(`"address":{"city":${value}}`)).toEqual({ input: { id: 'x' }, errors: [] });
    expect(readAll(`{"id":${value}}`).errors).toEqual([
      { code: 'required', message: 'must be given', field: 'id', column: 'id' },
    ]);
  });

  test.each([
    ['name', '" 007 "', ' 007 '],
    ['name', '"true"', 'true'],
    ['name', '1.10', '1.10'],
    ['name', '-0', '-0'],
    ['name', '1e05', '1e05'],
    ['name', '12345678901234567890', '12345678901234567890'],
    ['name', '0.10000000000000000555', '0.10000000000000000555'],
    ['age', '7', 7],
    ['age', '7.0', 7],
    ['age', '1e3', 1000],
    ['age', '1E+0003', 1000],
    ['age', '9007199254740991', Number.MAX_SAFE_INTEGER],
    ['age', '"007"', 7],
    ['score', '-4.35', -4.35],
    ['score', '99.990', 99.99],
    ['score', '1e-7', 1e-7],
    ['score', '0', 0],
    ['score', '0e5', 0],
    ['score', '" .5 "', 0.5],
    ['active', 'true', true],
    ['active', 'false', false],
    ['active', '"TRUE"', true],
  ])('%s: %s', (key, json, value) => {
    expect(read(`"${key}": ${json}`)).toEqual({ input: { id: 'x', [key]: value }, errors: [] });
    // A literal of another key in the same line changes nothing.
    expect(read(`"z":1e400,"${key}":${json}`).input).toEqual({ id: 'x', [key]: value });
  });

  test.each([
    ['name', 'true', 'invalid_type', 'must be a string, not true; put it in quotes', 'true'],
    ['name', '["a"]', 'invalid_type', 'must be a string, not an array', '["a"]'],
    ['name', '{"first":"a"}', 'invalid_type', 'must be a string, not an object', '{"first":"a"}'],
    ['name', '"a\\u0000b"', 'nul_character', 'holds a NUL character, which cannot be stored', 'a\0b'],
    ['age', '7.5', 'invalid_type', 'must be a whole number', '7.5'],
    ['age', '"seven"', 'invalid_type', 'must be a number, with a point before decimals', 'seven'],
    ['age', '-1', 'out_of_range', 'must be at least 0', '-1'],
    ['age', 'false', 'invalid_type', 'must be a whole number, not false', 'false'],
    ['age', '[]', 'invalid_type', 'must be a whole number, not an array', '[]'],
    [
      'age',
      '9007199254740993',
      'too_precise',
      'has more digits than can be kept exactly',
      '9007199254740993',
    ],
    [
      'score',
      '0.12345678901234567',
      'too_precise',
      'has more digits than can be kept exactly',
      '0.12345678901234567',
    ],
    [
      'score',
      '1.0000000000000000001',
      'too_precise',
      'has more digits than can be kept exactly',
      '1.0000000000000000001',
    ],
    ['score', '1e400', 'too_precise', 'has more digits than can be kept exactly', '1e400'],
    ['score', '1e-400', 'too_precise', 'has more digits than can be kept exactly', '1e-400'],
    ['score', '1e1000', 'too_precise', 'has more digits than can be kept exactly', '1e1000'],
    ['score', '{}', 'invalid_type', 'must be a number, not an object', '{}'],
    ['active', '1', 'invalid_type', 'must be true or false, not a number', '1'],
    ['active', '0.0', 'invalid_type', 'must be true or false, not a number', '0.0'],
    ['active', '"yes"', 'invalid_type', 'must be true or false', 'yes'],
    ['active', '[true]', 'invalid_type', 'must be true or false, not an array', '[true]'],
  ])('%s: %s is %s', (key, json, code, message, value) => {
    expect(read(`"${key}":${json}`)).toEqual({
      input: null,
      errors: [{ code, message, field: key, column: key, value }],
    });
  });

  test.each([['"Ulm"'], ['7'], ['["Ulm"]'], ['false']])('an object cannot be %s', (json) => {
    const value = json === '"Ulm"' ? 'Ulm' : json;
    expect(read(`"address":${json}`).errors).toEqual([
      { code: 'invalid_type', message: 'must be an object', column: 'address', value },
    ]);
  });

  test.each([
    ['age', '-1.0e2', '-1.0e2'],
    ['age', '" -100"', ' -100'],
  ])('a value that was read and then refused is shown as the file has it: %s %s', (key, json, value) => {
    expect(read(`"${key}":${json}`).errors).toMatchObject([{ field: key, column: key, value }]);
  });

  test('every broken rule of a record is told at once, each by the key path in the file', () => {
    const mapping = { Nr: 'id', 'person.alter': 'age', Aktiv: 'active' };
    const line = `{"Nr":"${'9'.repeat(21)}","person":{"alter":"x"},"Aktiv":2,"address":{"floor":1.50,"city":[]}}`;
    const { input, errors } = readAll(line, mapping);
    expect(input).toBeNull();
    expect(errors.map(({ column, field, code, value }) => [column, field, code, value]).sort()).toEqual([
      ['Aktiv', 'active', 'invalid_type', '2'],
      ['Nr', 'id', 'too_long', '9'.repeat(21)],
      ['address.city', 'address.city', 'invalid_type', '[]'],
      ['address.floor', 'address.floor', 'invalid_type', '1.50'],
      ['person.alter', 'age', 'invalid_type', 'x'],
    ]);
  });

  test('a required field in an object is told by its own path, whether or not the object is there', () => {
    const operation = operationOf(
      Type.Object({ address: Type.Object({ floor: Type.Integer(), city: Type.String() }, closed) }, closed),
    );
    const floor = {
      code: 'required',
      message: 'must be given',
      field: 'address.floor',
      column: 'address.floor',
    };
    const city = { code: 'required', message: 'must be given', field: 'address.city', column: 'Ort' };
    for (const line of ['{}', '{"address":null}', '{"address":{}}']) {
      expect(readAll(line, { Ort: 'address.city' }, operation).errors).toEqual([floor, city]);
    }
  });

  test('values and keys are shown in short', () => {
    const long = 'k'.repeat(500);
    const { errors } = readAll(`{"id":"x","${long}":"${'9'.repeat(500)}x"}`, { [long]: 'age' });
    expect(errors).toMatchObject([{ column: `${'k'.repeat(100)}…`, value: `${'9'.repeat(100)}…` }]);
  });

  test('one record leaves nothing for the next', () => {
    const reader = new RecordReader(person, bindKeys([], {}, person));
    reader.read(record('{"id":"x","name":"Ada","address":{"city":"Ulm"}}'));
    expect(reader.read(record('{"id":"y"}'))).toEqual({ input: { id: 'y' }, errors: [] });
  });

  test('what was coerced is counted by key path and rule', () => {
    const dated = operationOf(
      Type.Object(
        {
          id: Type.String(),
          score: Type.Optional(Type.Number()),
          active: Type.Optional(Type.Boolean()),
          address: Type.Optional(
            Type.Object({ since: Type.Optional(Type.String({ format: 'date' })) }, closed),
          ),
        },
        closed,
      ),
    );
    const values = { decimal: ',', thousands: null, dates: ['YYYYMMDD'], timeZone: null } as const;
    const reader = new RecordReader(dated, { ...bindKeys([], { Nr: 'id' }, dated), values });
    const lines = [
      '{"Nr":7,"score":1.5,"active":true,"address":{"since":"2024-02-29"},"other":null}',
      '{"Nr":"7","score":"1,5","active":"TRUE","address":{"since":20240229}}',
      '{"Nr":1.10,"score":null,"active":"","address.since":"20240228"}',
      '{"Nr":null,"score":"1.5","active":1,"address":null}',
    ];
    expect(lines.map((line) => reader.read(record(line)).input)).toEqual([
      { id: '7', score: 1.5, active: true, address: { since: '2024-02-29' } },
      { id: '7', score: 1.5, active: true, address: { since: '2024-02-29' } },
      { id: '1.10', address: { since: '2024-02-28' } },
      null,
    ]);
    expect(reader.coerced).toEqual({
      Nr: { text: 2, blank: 1 },
      score: { number: 1, blank: 1 },
      active: { boolean: 1, blank: 1 },
      'address.since': { date: 2 },
    });
  });

  test('a number of JSON has a point before decimals, whatever texts have', () => {
    const values = { decimal: ',', thousands: '.', dates: [], timeZone: null } as const;
    const reader = new RecordReader(person, { ...bindKeys([], {}, person), values });
    expect(reader.read(record('{"id":"x","score":1.234}')).input).toEqual({ id: 'x', score: 1.234 });
    expect(reader.read(record('{"id":"x","score":1.2340,"name":1e999}')).input).toEqual({
      id: 'x',
      score: 1.234,
      name: '1e999',
    });
    expect(reader.read(record('{"id":"x","score":"1.234"}')).input).toEqual({ id: 'x', score: 1234 });
  });

  test('columnOf tells what the file calls a field', () => {
    const reader = new RecordReader(person, bindKeys(['id'], { 'kunde.nr': 'id' }, person));
    expect(reader.columnOf('id')).toBe('kunde.nr');
    expect(reader.columnOf('address.city')).toBe('address.city');
    expect(reader.columnOf('shoe')).toBeUndefined();
    expect(reader.columnOf(undefined)).toBeUndefined();
  });
});

describe('no silent change', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 19 });
  const literal = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.bigInt({ min: 0n, max: 10n ** 19n }),
      fc.oneof(
        fc.constant(''),
        digits.map((decimals) => `.${decimals}`),
      ),
      fc.oneof(
        fc.constant(''),
        fc.integer({ min: -340, max: 320 }).map((exponent) => `e${exponent}`),
      ),
    )
    .map((parts) => parts.join(''));

  test('a number is the literal in a text field, and in a number field what the same text of CSV is', () => {
    const cells = new RecordReader(person, {
      columns: [
        { name: 'id', field: 'id' },
        { name: 'score', field: 'score' },
      ],
    });
    let accepted = 0;
    fc.assert(
      fc.property(literal, (number) => {
        expect(read(`"name":${number}`).input).toEqual({ id: 'x', name: number });
        const result = read(`"score":${number}`);
        expect(result).toEqual(cells.read(['x', number]));
        if (result.input !== null) accepted += 1;
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  test('any object is read without a throw, and what passes holds no other values than it', () => {
    const key = fc.constantFrom(
      'id',
      'name',
      'age',
      'score',
      'active',
      'address',
      'city',
      'address.city',
      'floor',
      'x',
    );
    const { object } = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, '', 'x', 'true', '7', 7, 1.5, -0, 1e300),
        tie('object'),
        fc.array(tie('value'), { maxLength: 2 }),
      ),
      object: fc.dictionary(key, tie('value'), { maxKeys: 6, noNullPrototype: true }),
    }));
    fc.assert(
      fc.property(object, (members) => {
        const { input, errors } = readAll(JSON.stringify({ id: 'x', ...members }));
        if (input === null) {
          expect(errors.length).toBeGreaterThan(0);
          return;
        }
        const { id, name, active } = { id: 'x', ...members } as Record<string, unknown>;
        const text = (value: unknown) => (value === null || value === '' ? undefined : String(value));
        expect(input).toMatchObject({ id: text(id) });
        expect((input as { name?: string }).name).toBe(name === undefined ? undefined : text(name));
        const truth = active === undefined ? undefined : text(active);
        expect(String((input as { active?: boolean }).active)).toBe(String(truth));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('textAt', () => {
  const row = record(
    '{"a":"x","b":{"c":1.10,"d.e":true,"f":null,"g":"","h":{"i":"y"}},"b.c.d":"z","n":12345678901234567890,"l":[1]}',
  );

  test.each([
    ['a', 'x'],
    ['b.c', '1.10'],
    ['b.d.e', 'true'],
    ['b.h.i', 'y'],
    ['b.c.d', 'z'],
    ['n', '12345678901234567890'],
    ['b.f', null],
    ['b.g', null],
    ['b', null],
    ['l', null],
    ['l.0', null],
    ['a.length', null],
    ['toString', null],
    ['b.constructor', null],
    ['', null],
  ])('%s', (path, text) => {
    expect(textAt(row, path)).toBe(text);
  });
});
