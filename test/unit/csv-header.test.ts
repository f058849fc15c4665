import { describe, expect, test } from 'vitest';
import { RFC_4180 } from '../../src/formats/csv/dialect.ts';
import { parseHeader } from '../../src/formats/csv/header.ts';
import { converted } from '../support/converted.ts';

function parse(row: string | Buffer) {
  return parseHeader(Buffer.from(row), { dialect: RFC_4180, offset: 100, encoding: 'utf-8' });
}

describe('the header row', () => {
  test.each([
    ['a,b\r\n', ['a', 'b']],
    [' a ,\tb\u00A0\n', ['a', 'b']],
    ['"a, b","c ""d""","e\nf"', ['a, b', 'c "d"', 'e\nf']],
    ['name,Name,NAME', ['name', 'Name', 'NAME']],
    ['address.city,address.street', ['address.city', 'address.street']],
    ['имя,名前', ['имя', '名前']],
    ['toString,proto,constructors', ['toString', 'proto', 'constructors']],
  ])('%j', (row, header) => {
    expect(parse(row)).toEqual({ header, marked: false });
  });

  test.each([
    ['a,,c', 'file_header_empty', 'Column 2 of 3 has no name'],
    [
      'a,b, ',
      'file_header_empty',
      'Column 3 of 3 has no name; is there a delimiter too many at the end of the row?',
    ],
    ['""', 'file_header_empty', 'Column 1 of 1 has no name'],
    ['a,b,"a "', 'file_header_duplicate', 'Columns 1 and 3 have the same name, "a"'],
    ['a,__proto__', 'file_header_reserved', 'Column 2 has the name "__proto__", which is not allowed'],
    ['constructor', 'file_header_reserved', 'Column 1 has the name "constructor", which is not allowed'],
    ['a.prototype.b', 'file_header_reserved', 'Column 1 has the name "a.prototype.b", which is not allowed'],
    ['a. __proto__', 'file_header_reserved', 'Column 1 has the name "a. __proto__", which is not allowed'],
  ])('%j is refused: %s', (row, code, message) => {
    expect(parse(row).fault).toEqual({ code, message, record: 0, offset: 100 });
  });

  test('a misplaced quote is told with its column', () => {
    const message = 'Column 2 of the header row has a quote where RFC 4180 allows none';
    const fault = { code: 'file_header_malformed', message, record: 0, offset: 100 };
    expect(parse('a,b"c,d')).toEqual({ header: null, marked: false, fault });
    expect(parse('a,"b"c,d')).toEqual({ header: null, marked: false, fault });
  });

  test.each([
    ['a,b\r\r\n', 2],
    ['a,b\r1,2\n', 2],
    ['"a","b""\r","c""d",e\r"', 4],
    ['a\r,b\r\n', 1],
  ])('a CR outside quotes is told with its column: %j', (row, column) => {
    const { header, fault } = parse(row);
    expect(header).toBeNull();
    expect(fault).toMatchObject({ code: 'file_header_malformed', record: 0, offset: 100 });
    expect(fault?.message).toContain(`Column ${column} of`);
    expect(fault?.message).toMatch(/; the row holds a CR without LF: lines end in LF or CRLF$/);
  });

  test('a CR in quotes is part of the name', () => {
    expect(parse('"a\r""b",c\r\n').header).toEqual(['a\r"b', 'c']);
    expect(parse('"a\r"\r\n').header).toEqual(['a']);
    expect(parse('"a"\r\r\n').fault?.message).toContain('CR without LF');
  });

  test('a NUL character is told with its column', () => {
    const message = 'Column 2 of the header row holds a NUL character; is this a text file?';
    const fault = { code: 'file_header_malformed', message, record: 0, offset: 100 };
    expect(parse('a,b\0,c')).toEqual({ header: null, marked: false, fault });
  });

  test('bytes that are no UTF-8 are told with their place', () => {
    const { header, fault } = parse(Buffer.from('nom,prénom\n', 'latin1'));
    expect(header).toBeNull();
    expect(fault).toMatchObject({ code: 'file_encoding', record: 0, offset: 106 });
    expect(fault?.message).toContain('0xE9');
  });

  test('a byte that is no character in the encoding that was stated is told in its words', async () => {
    const file = Buffer.from('\xe9,a\x81\n1,2\n', 'latin1');
    const read = await converted(file, { format: { encoding: 'windows-1252' } });
    const message = 'The byte 0x81 stands for no character in Windows-1252';
    expect(read.file.fault).toEqual({ code: 'file_encoding', message, record: 0 });
  });

  test('long names are cut in messages', () => {
    const name = 'n'.repeat(1000);
    expect(parse(`${name},${name}`).fault?.message.length).toBeLessThan(160);
  });

  test('and never within a character: PostgreSQL would not store the half', () => {
    for (let length = 50; length <= 110; length += 1) {
      const name = `${'a'.repeat(length)}${'😀'.repeat(60)}`;
      const message = parse(`${name},${name}`).fault?.message ?? '';
      expect(message).toContain('have the same name');
      // Half of a pair does not survive UTF-8.
      expect(Buffer.from(message).toString()).toBe(message);
    }
  });

  test('more columns than a table has are refused', () => {
    const wide = Array.from({ length: 2049 }, (_, n) => n.toString(36)).join(',');
    expect(parse(wide)).toMatchObject({ header: null, fault: { code: 'file_header_malformed', record: 0 } });
    expect(parse(wide.slice(0, wide.lastIndexOf(','))).fault).toBeUndefined();
  });
});
