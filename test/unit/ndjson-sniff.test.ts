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
    // What follows the first key is that record's own trouble.
    ['{"a":\n'],
    ['{"a": nothing}\n'],
    [`{"a": "${'x'.repeat(10_000)}"}\n`],
  ])('%j', (text) => {
    expect(format(text)).toBe('ndjson');
  });

  test.each([
    ['{}\n'],
    ['{}\n1\n'],
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
    ['[1,2]\n'],
    ['[a],b\n'],
    ['[[1],2]\n'],
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
