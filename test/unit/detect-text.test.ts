import { describe, expect, test } from 'vitest';
import { type FileFormat, UNSTATED } from '../../src/core/file-format.ts';
import { hasObjectLine } from '../../src/formats/detect/json-opening.ts';
import { sniffText } from '../../src/formats/detect/sniff-text.ts';

function sniffed(text: string, stated: Partial<FileFormat> = {}) {
  const format = { ...UNSTATED, ...stated };
  return sniffText(Buffer.from(text), { atEnd: true, format, known: new Set() });
}

const NDJSON = [
  '{"a":1}\n{"a":2}\n',
  '{"a":1}',
  '{ "a" : 1 }\r\n',
  ' \t{"a": {"b": 1}}\n',
  '\n\r\n  \n{"a":1}\n',
  '{"":1}\n',
  '{"a\\"b":1}\n',
  '{"ключ":1}\n',
  // What follows the first key is that record's own trouble.
  '{"a":\n',
  '{"a": nothing}\n',
  `{"a": "${'x'.repeat(10_000)}"}\n`,
];
const EMPTY_OBJECTS = [
  '{}\n{"a":1}\n',
  '{ }\r\n{}\n\n{"a":1}\n',
  '{}\n',
  '{}',
  `\n${'{}\r\n'.repeat(2000)}{"a":1}\n`,
  '{}\n1\n',
];
const CSV = [
  '{},b\n',
  '{a: 1}\n',
  "{'a': 1}\n",
  '{\n',
  '{,"a":\n',
  '{"a"}\n',
  '{"a",b\n',
  'a{"b":1}\n',
  '"{""a"":1}"\n',
  'a\n{"b":1}\n',
  '\u00A0{"a":1}\n',
  '[a],b\n',
  '[1],b\n',
  '[[a],b\n',
  '[{},b\n',
  '[1st,2nd\n',
  '<a>,b\n',
  'html,xml\n',
  'PAR1,PK\n',
  '[\n"a"\n',
  '[\n',
  '[\n],b\n',
  '[\n]\n[\n]\n',
  '[\n1\n]\n',
  '"a"\n',
  '1\n',
  'null\n',
  'true\n',
  '\n\n',
  '',
];
const ARRAYS = [
  '[{"a":1}]\n',
  '\n\n [\n  {"a":1},\n',
  '[\n  {\n    "a": 1\n  }\n]\n',
  '[{}, {"a":1}]',
  '[\n{\n}\n]',
  '["a","b"]\n',
  '[1,2]\n',
  '[ -1.5e3 , 2]\n',
  '[1]',
  '[]\n',
  '[\n]',
  '\n[ \r\n\r\n ] \r\n\n',
  '[null,true]\n',
  '[[1],2]\n',
  '[["a",1],["b",2]]\n',
];
const OVER_LINES = ['{\n  "a": 1\n}\n', '\r\n{\r\n\r\n"a" :1}'];

describe('nothing was stated', () => {
  test.each([...NDJSON, ...EMPTY_OBJECTS])('NDJSON is told by its first line: %j', (text) => {
    expect(sniffed(text)).toEqual({ type: 'ndjson' });
  });

  test.each(CSV)('a file that may be sound CSV is CSV: %j', (text) => {
    expect(sniffed(text).type).toBe('csv');
  });

  test.each(ARRAYS)('an array of JSON: %j', (text) => {
    expect(sniffed(text)).toEqual({ type: 'json' });
  });

  test.each(OVER_LINES)('an object over several lines is refused: %j', (text) => {
    const { fault } = sniffed(text);
    expect(fault).toMatchObject({ code: 'file_not_supported', offset: text.indexOf('{') });
    expect(fault?.message).toMatch(/^It begins with a JSON object that goes on over several lines; .*NDJSON/);
  });

  test.each([
    ['<!doctype html>\n<p>', /an HTML page/],
    ['\n  <!DOCTYPE  HTML PUBLIC "x">', /an HTML page/],
    ['<html lang="en">', /an HTML page/],
    ['<HTML>', /an HTML page/],
    ['<?xml version="1.0"?>', /an XML document/],
    [' \t\r\n<?XML version="1.0"?>', /an XML document/],
    ['<!DOCTYPE Workbook>', /an XML document/],
  ])('other text is called by its name: %j', (text, message) => {
    for (const stated of [{}, { type: 'csv' as const }]) {
      const { fault } = sniffed(text, stated);
      expect(fault).toMatchObject({ code: 'file_not_supported', offset: text.indexOf('<') });
      expect(fault?.message).toMatch(message);
    }
  });
});

describe('CSV was stated', () => {
  test.each([...NDJSON, ...OVER_LINES])('objects are refused: %j', (text) => {
    const { fault } = sniffed(text, { type: 'csv' });
    expect(fault?.code).toBe('file_not_supported');
    expect(fault?.message).toMatch(/^`format.type` says csv, but it (holds|begins with) a JSON object/);
  });

  test('a delimiter, too, says that it is CSV', () => {
    const { fault } = sniffed('{"a":1}\n', { delimiter: ';' });
    expect(fault?.message).toMatch(/^`format.delimiter` is for CSV, but it holds a JSON object on each line/);
    expect(sniffed('[{"a":1}]', { quote: "'" }).fault?.message).toMatch(
      /^`format.quote` .* an array of JSON/,
    );
  });

  test.each([...CSV, ...EMPTY_OBJECTS, '[1,2]\n', '[]\n', '[\n]\n', '["a","b"]\n'])(
    'what may be a table is read as one: %j',
    (text) => {
      expect(sniffed(text, { type: 'csv' }).type).toBe('csv');
    },
  );
});

describe('NDJSON was stated', () => {
  test.each([
    ...NDJSON,
    ...EMPTY_OBJECTS,
    'nonsense\n{"a":1}\n',
    '[1]\n{"a":1}\n',
    'null\n\n  {"a":1}',
    '{\n{"a":1}\n',
    '\n\n',
    '',
  ])('it is read so: %j', (text) => {
    expect(sniffed(text, { type: 'ndjson' })).toEqual({ type: 'ndjson' });
  });

  test.each([
    ['a,b\n1,2\n', /says ndjson, but it has no line that begins an object/],
    ['"a"\n', /no line that begins an object/],
    ['[{"a":1},\n{"a":2}]\n', /says ndjson, but it holds an array of JSON/],
    ['[{"a":1}]', /holds an array of JSON/],
    ['{\n  "a": 1\n}\n', /goes on over several lines/],
  ])('%j is refused', (text, message) => {
    const { fault } = sniffed(text, { type: 'ndjson' });
    expect(fault).toMatchObject({ code: 'file_not_supported', message: expect.stringMatching(message) });
  });
});

describe('a JSON array was stated', () => {
  test.each([...ARRAYS, '[a],b\n', '[\n"a"\n', '[\n  1,\n  2\n]'])('it is read so: %j', (text) => {
    expect(sniffed(text, { type: 'json' })).toEqual({ type: 'json' });
  });

  test.each([
    ['{"a":1}\n{"a":2}\n', /says json, but it holds a JSON object on each line/],
    ['{\n"a":1}\n', /does not begin with the bracket of an array/],
    ['a,b\n', /does not begin with the bracket/],
  ])('%j is refused', (text, message) => {
    const { fault } = sniffed(text, { type: 'json' });
    expect(fault).toMatchObject({ code: 'file_not_supported', message: expect.stringMatching(message) });
  });

  test('nothing but blanks holds no records', () => {
    expect(sniffed(' \n', { type: 'json' })).toEqual({ type: 'ndjson' });
  });
});

test('objects have no header row', () => {
  for (const text of ['{"a":1}\n', '[{"a":1}]']) {
    const { fault } = sniffed(text, { headerRow: 2 });
    expect(fault?.message).toMatch(
      /^`format.header_row` says which row names the columns, but it holds objects/,
    );
  }
  expect(sniffed('{},b\n', { headerRow: 1 }).type).toBe('csv');
});

// Each head takes some milliseconds; what is quadratic takes minutes.
test('the longest head that means nothing is told at once', { timeout: 60_000 }, () => {
  for (const text of ['x\r', '[', '{', '"', '{"', '[1', '[[', '\n', '\r', ' ', "'", ',"', "'a,", '[{}']) {
    for (const type of ['csv', 'ndjson', 'json', undefined] as const) {
      const format = type === undefined ? UNSTATED : { ...UNSTATED, type };
      const head = Buffer.from(text.repeat(Math.ceil(65536 / text.length)));
      const found = sniffText(head, { atEnd: false, format, known: new Set(['a']) });
      expect(found.type ?? found.fault?.code).toBeDefined();
    }
  }
});

// In one step for each character; where each CR begins a search of its own, it is hours.
test('a line of an object is looked for in any number of CRs', { timeout: 60_000 }, () => {
  expect(hasObjectLine('\r'.repeat(1 << 23))).toBe(false);
  expect(hasObjectLine(`x${'\n\r'.repeat(1 << 20)}`)).toBe(false);
  expect(hasObjectLine('x\r{')).toBe(false);
  expect(hasObjectLine('x\n\r \t{')).toBe(true);
});
