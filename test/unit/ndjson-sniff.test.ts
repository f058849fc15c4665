import { describe, expect, test } from 'vitest';
import { sniff } from '../../src/formats/sniff.ts';

function format(text: string) {
  return sniff(Buffer.from(text)).format;
}

describe('NDJSON is told by its first line', () => {
  test.each([
    ['{"a":1}\n{"a":2}\n'],
    ['{"a":1}'],
    ['{ "a" : 1 }\r\n'],
    [' \t{"a": {"b": 1}}\n'],
    ['\n\r\n  \n{"a":1}\n'],
    ['{"":1}\n'],
    ['{"a\\"b":1}\n'],
    ['{"ключ":1}\n'],
    ['{}\n{"a":1}\n'],
    ['{ }\r\n{}\n\n{"a":1}\n'],
    ['{}\n'],
    ['{}'],
    [`\n${'{}\r\n'.repeat(2000)}{"a":1}\n`],
    ['{}\n1\n'],
    // What follows the first key is that record's own trouble.
    ['{"a":\n'],
    ['{"a": nothing}\n'],
    [`{"a": "${'x'.repeat(10_000)}"}\n`],
  ])('%j', (text) => {
    expect(format(text)).toBe('ndjson');
  });

  test.each([
    ['{},b\n'],
    ['{a: 1}\n'],
    ["{'a': 1}\n"],
    ['{\n'],
    ['{,"a":\n'],
    ['{"a"}\n'],
    ['{"a",b\n'],
    ['a{"b":1}\n'],
    ['"{""a"":1}"\n'],
    ['a\n{"b":1}\n'],
    ['\u00A0{"a":1}\n'],
    ['[a],b\n'],
    ['[1],b\n'],
    ['[[a],b\n'],
    ['[1st,2nd\n'],
    ['<a>,b\n'],
    ['html,xml\n'],
    ['PAR1,PK\n'],
    ['[\n"a"\n'],
    ['"a"\n'],
    ['1\n'],
    ['null\n'],
    ['true\n'],
    ['\n\n'],
    [''],
  ])('a file that may be sound CSV is not taken for it: %j', (text) => {
    expect(format(text)).toBe('csv');
  });
});

describe('JSON that is not one object a line is refused', () => {
  test.each([
    ['[{"a":1}]\n', 1, 0, /begins an array/],
    ['\n\n [\n  {"a":1},\n', 3, 3, /begins an array/],
    ['["a","b"]\n', 1, 0, /begins an array/],
    ['[1,2]\n', 1, 0, /begins an array/],
    ['[ -1.5e3 , 2]\n', 1, 0, /begins an array/],
    ['[1]', 1, 0, /begins an array/],
    ['[]\n', 1, 0, /begins an array/],
    ['[null,true]\n', 1, 0, /begins an array/],
    ['[[1],2]\n', 1, 0, /begins an array/],
    ['[["a",1],["b",2]]\n', 1, 0, /begins an array/],
    ['{\n  "a": 1\n}\n', 1, 0, /goes on over several lines/],
    ['\r\n{\r\n\r\n"a" :1}', 2, 2, /goes on over several lines/],
  ])('%j', (text, line, offset, message) => {
    const { format, fault } = sniff(Buffer.from(text));
    expect(format).toBeNull();
    expect(fault).toMatchObject({ code: 'file_not_supported', offset });
    expect(fault?.message).toMatch(message);
    expect(fault?.message).toContain(`Line ${line} looks like JSON but is not an object`);
    expect(fault?.message).toContain('NDJSON');
  });
});

describe('other text is called by its name', () => {
  test.each([
    ['<!doctype html>\n<p>', /an HTML page/],
    ['\n  <!DOCTYPE  HTML PUBLIC "x">', /an HTML page/],
    ['<html lang="en">', /an HTML page/],
    ['<HTML>', /an HTML page/],
    ['<?xml version="1.0"?>', /an XML document/],
    [' \t\r\n<?XML version="1.0"?>', /an XML document/],
    ['<!DOCTYPE Workbook>', /an XML document/],
  ])('%j', (text, message) => {
    const { format, fault } = sniff(Buffer.from(text));
    expect(format).toBeNull();
    expect(fault).toMatchObject({ code: 'file_not_supported', offset: text.indexOf('<') });
    expect(fault?.message).toMatch(message);
  });
});

describe('NUL bytes', () => {
  test.each([
    ['few, after the first line', 'a,b\n1,2\n3,\0\n4,5\n', 'csv'],
    ['few, after blank lines and the first', '\r\n\na,b\n1,2\n3,\0\n4,5\n', 'csv'],
    ['few, in a record of NDJSON', '{"a":1}\n{"a":"\0"}\n', 'ndjson'],
    ['one in the first line', `a,\0b\n${'1,2\n'.repeat(100)}`, null],
    ['one in the first line after blank ones', `\n\na,\0b\n${'1,2\n'.repeat(100)}`, null],
    ['one in the only line', `a,${'b'.repeat(100)}\0`, null],
    ['one in ten bytes', 'a,b\n1,2\n,\0', 'csv'],
    ['more than one in ten bytes', 'a,b\n1,\0\n3', null],
  ])('%s', (_, text, format) => {
    expect(sniff(Buffer.from(text)).format).toBe(format);
  });
});
