import { describe, expect, test } from 'vitest';
import { JsonLines } from '../../src/formats/convert/json-lines.ts';

function lines(text: string, pieceBytes = 1 << 16) {
  const bytes = Buffer.from(text);
  const step = new JsonLines();
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    out.push(Buffer.from(step.push(bytes.subarray(at, at + pieceBytes))));
  }
  out.push(step.finish());
  return { text: Buffer.concat(out).toString(), fault: step.fault };
}

const PIECES = [1, 2, 3, 7, 1 << 16];

describe('an array', () => {
  test.each([
    ['of nothing', '[]', ''],
    ['of nothing, with blanks', ' \r\n[ \t\n ]\n ', ''],
    ['of objects', '[{"a":1},{"a":2}]', '{"a":1}\n{"a":2}\n'],
    ['with blanks around items', '[ {"a":1}\r\n,\t{"a":2} ] \n', '{"a":1}\n{"a":2}\n'],
    ['over lines', '[\n  {\n    "a": 1,\r\n    "b": [\n]  }\n]', '{     "a": 1,      "b": [ ]  }\n'],
    ['of numbers as they are written', '[{"a":1.10e5,"b":0.1e-999}]', '{"a":1.10e5,"b":0.1e-999}\n'],
    ['of what are no objects', '[1,"b",null,[2,3],-4.50 ,true]', '1\n"b"\nnull\n[2,3]\n-4.50\ntrue\n'],
    ['of nonsense', '[NaN, undefined,{\'a\':1},{"b":2}]', 'NaN\nundefined\n{\'a\':1}\n{"b":2}\n'],
    ['with brackets in strings', '[{"a":"]}[{,"},{"b":"\\"]"}]', '{"a":"]}[{,"}\n{"b":"\\"]"}\n'],
    ['with backslashes in strings', '[{"a":"\\\\"},{"b":"\\\\\\""}]', '{"a":"\\\\"}\n{"b":"\\\\\\""}\n'],
    ['with brackets of the wrong kind', '[{"a":1],{"b":2}]', '{"a":1]\n{"b":2}\n'],
    ['of characters of several bytes', '[{"ä":"😀"},"é"]', '{"ä":"😀"}\n"é"\n'],
  ])('%s', (_, text, expected) => {
    for (const pieceBytes of PIECES)
      expect(lines(text, pieceBytes)).toEqual({ text: expected, fault: undefined });
  });

  test('a line end in a string, where JSON has none, neither ends the line nor becomes allowed', () => {
    for (const pieceBytes of PIECES) {
      const { text, fault } = lines('[{"a":"b\r\nc\nd"},{"e":"\\\n"}]', pieceBytes);
      expect(fault).toBeUndefined();
      expect(text).toBe('{"a":"b\r\rc\rd"}\n{"e":"\\\r"}\n');
      for (const line of text.trim().split('\n'))
        expect(() => JSON.parse(line)).toThrow(/^Bad (control|escaped) character/);
    }
  });

  test('nested as deep as it likes', () => {
    const depth = 1_000_000;
    const item = '['.repeat(depth) + ']'.repeat(depth);
    expect(lines(`[${item},{"a":1}]`)).toEqual({ text: `${item}\n{"a":1}\n`, fault: undefined });
    expect(lines(`[${'{"a":'.repeat(depth)}`).fault).toMatchObject({
      message: 'The file ends in the middle of item 1 of the array',
    });
  });
});

describe('what is no array to its end', () => {
  const behind = (item: number) => `after item ${item} of the array`;

  test.each([
    ['a comma too many', '[{"a":1},]', '{"a":1}\n', `There is "]" where an item has to be, ${behind(1)}`, 9],
    ['two commas', '[1,,2]', '1\n', `There is "," where an item has to be, ${behind(1)}`, 3],
    ['only a comma', '[,]', '', 'There is "," where an item has to be, at its beginning', 1],
    ['a brace where an item is', '[}]', '', 'There is "}" where an item has to be, at its beginning', 1],
    ['a colon', '["a":1]', '"a"\n', `A comma is missing ${behind(1)}`, 4],
    ['no comma', '[{"a":1} {"b":2}]', '{"a":1}\n', `A comma is missing ${behind(1)}`, 9],
    ['no comma between words', '[1 2]', '1\n', `A comma is missing ${behind(1)}`, 3],
    ['a word and an object', '[a{"b":1}]', 'a\n', `A comma is missing ${behind(1)}`, 2],
    ['a string and a word', '["a"b]', '"a"\n', `A comma is missing ${behind(1)}`, 4],
    ['text after it', '[1]\n2', '1\n', 'The file goes on after the closing bracket of the array', 4],
    ['another array', '[1][2]', '1\n', 'The file goes on after the closing bracket of the array', 3],
    ['NULs after it', '[1]\0', '1\n', 'The file goes on after the closing bracket of the array', 3],
    [
      'a bracket too many',
      '[{"a":1}]]',
      '{"a":1}\n',
      'The file goes on after the closing bracket of the array',
      9,
    ],
    ['no end', '[1,2', '1\n2', `The file ends before its array does, ${behind(2)}`, 4],
    ['no end after an item', '[{"a":1}', '{"a":1}\n', `The file ends before its array does, ${behind(1)}`, 8],
    [
      'no end after a comma',
      '[{"a":1},\n',
      '{"a":1}\n',
      `The file ends before its array does, ${behind(1)}`,
      10,
    ],
    ['no end of an item', '[1,{"b":', '1\n{"b":', 'The file ends in the middle of item 2 of the array', 8],
    ['no end of a string', '["a","b', '"a"\n"b', 'The file ends in the middle of item 2 of the array', 7],
    ['nothing but a bracket', '[', '', 'The file ends before its array does, at its beginning', 1],
    ['nothing', '', '', 'The file ends before its array does, at its beginning', 0],
    ['an object', '{"a":1}', '', 'The file does not begin with the bracket of an array', 0],
  ])('%s', (_, text, expected, message, offset) => {
    for (const pieceBytes of PIECES) {
      expect(lines(text, pieceBytes)).toEqual({
        text: expected,
        fault: { code: 'file_json_malformed', message, offset },
      });
    }
  });

  test('tells of the string that no quote has closed, where it seems so', () => {
    const text = '[\n{"a":"1"},\n{"a":"2},\n{"a":"3"},\n{"a":"4"}\n]';
    for (const pieceBytes of PIECES) {
      const { fault } = lines(text, pieceBytes);
      expect(fault?.message).toContain('; a string of item 2 goes over a line end: is its quote missing?');
    }
  });

  test('gives nothing after what is wrong, and the first fault counts', () => {
    const step = new JsonLines();
    expect(step.push(Buffer.from('[1 2')).toString()).toBe('1\n');
    const { fault } = step;
    expect(step.push(Buffer.from(',3]')).length + step.finish().length).toBe(0);
    expect(step.fault).toEqual(fault);
  });
});
