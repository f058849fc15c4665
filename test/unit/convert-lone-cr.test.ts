import { expect, test } from 'vitest';
import { LoneCrToLf } from '../../src/formats/convert/lone-cr.ts';

function converted(text: string, pieceBytes: number, dialect = { delimiter: 0x2c, quote: 0x22 }): string {
  const step = new LoneCrToLf(dialect);
  const bytes = Buffer.from(text);
  let out = '';
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    out += step.push(bytes.subarray(at, at + pieceBytes)).toString('latin1');
  }
  return Buffer.from(out + step.finish().toString('latin1'), 'latin1').toString();
}

test.each([
  ['each', 'a,b\r1,2\r3,4', 'a,b\n1,2\n3,4'],
  ['at the end', 'a\rb\r', 'a\nb\n'],
  ['blank lines', '\ra\r\rb\r\r', '\na\n\nb\n\n'],
  ['CRLF stays', 'a\r\nb\rc\r\n', 'a\r\nb\nc\r\n'],
  ['CR before CRLF', 'a\r\r\nb', 'a\n\r\nb'],
  ['LF stays', 'a\nb\rc', 'a\nb\nc'],
  ['in quotes it is data', '"a\rb"\r"\r\r\n"\r', '"a\rb"\n"\r\r\n"\n'],
  ['after doubled quotes it is data still', '"a""\r""b"\rc', '"a""\r""b"\nc'],
  ['after a closing quote it ends the row', '"a"\r"b"\r', '"a"\n"b"\n'],
  ['a quote inside a cell is none', 'a"b\rc"d\re', 'a"b\nc"d\ne'],
  ['a quote after a delimiter is one', 'a,"b\rc"\rd', 'a,"b\rc"\nd'],
  ['a quote after a CR is one', 'a\r"b\rc"\rd', 'a\n"b\rc"\nd'],
  ['text after a closing quote', '"a"b\r"c\rd"\re', '"a"b\n"c\rd"\ne'],
  ['a quote that is never closed', 'a\r"b\rc\r', 'a\n"b\rc\r'],
])('%s', (_, text, expected) => {
  for (const pieceBytes of [1, 2, 3, 1 << 16]) expect(converted(text, pieceBytes)).toBe(expected);
});

test('follows the dialect', () => {
  expect(converted(`a;'b\rc'\r"d\re"`, 1, { delimiter: 0x3b, quote: 0x27 })).toBe(`a;'b\rc'\n"d\ne"`);
});
