import { describe, expect, test, vi } from 'vitest';
import { malformed } from '../../src/formats/ndjson/malformed.ts';
import { parseNdjsonChunk } from '../../src/formats/ndjson/parse.ts';

function parse(chunk: string | Buffer, cellBytes = 1 << 20) {
  return parseNdjsonChunk(Buffer.from(chunk), { firstRecord: 11, start: 1000, limits: { cellBytes } });
}

function values(chunk: string | Buffer) {
  return parse(chunk).map((row) => row.value ?? row.fault.code);
}

describe('values', () => {
  test.each([
    ['LF', '{"a":1}\n{"a":2}\n', [{ a: 1 }, { a: 2 }]],
    ['CRLF', '{"a":1}\r\n{"a":2}\r\n', [{ a: 1 }, { a: 2 }]],
    ['no line end at the end', '{"a":1}\n{"a":2}', [{ a: 1 }, { a: 2 }]],
    ['blank lines', '\n{"a":1}\n \t\r\n\n  {"a":2} \n\n', [{ a: 1 }, { a: 2 }]],
    ['an empty object', '{}\n', [{}]],
    ['what nests', '{"a":{"b":[1,{"c":null}]},"d":true}\n', [{ a: { b: [1, { c: null }] }, d: true }]],
    ['many scripts', '{"имя":"Łukasz 漢字 🦊"}\n', [{ имя: 'Łukasz 漢字 🦊' }]],
    ['escapes', '{"a\\n":"\\u00e9\\ud83e\\udd8a\\"\\\\"}\n', [{ 'a\n': 'é🦊"\\' }]],
    ['what looks like a key', '{"a":"\\":","b":":x","c":"\\" :"}\n', [{ a: '":', b: ':x', c: '" :' }]],
    ['blanks before colons', '{"a" :1,"b"\t: 2}\n', [{ a: 1, b: 2 }]],
    ['keys like those that objects inherit', '{"toString":1,"proto":2}\n', [{ toString: 1, proto: 2 }]],
    [
      'the same key in two objects',
      '{"a":{"b":1},"c":[{"b":1},{"b":":"}],"b":1}\n',
      [{ a: { b: 1 }, c: [{ b: 1 }, { b: ':' }], b: 1 }],
    ],
  ])('%s', (_, chunk, expected) => {
    expect(values(chunk)).toEqual(expected);
  });
});

describe('faults spoil their own record only', () => {
  test.each([
    [
      '{"a":1',
      'json_malformed',
      "The record is not JSON: Quoted object key or end of object '}' expected but reached end of input at character 7",
    ],
    [
      '{"a":1 2}',
      'json_malformed',
      "The record is not JSON: Comma ',' expected after value but got '2' at character 8",
    ],
    [
      '{"a":1,}',
      'json_malformed',
      "The record is not JSON: Quoted object key expected but got '}' at character 8",
    ],
    [
      "{'a':1}",
      'json_malformed',
      "The record is not JSON: Quoted object key expected but got ''' at character 2",
    ],
    [
      '{"a":01}',
      'json_malformed',
      "The record is not JSON: Comma ',' expected after value but got '1' at character 7",
    ],
    ['{"a":NaN}', 'json_malformed', "The record is not JSON: Object value expected after ':' at character 6"],
    [
      '{"a":1}{"a":2}',
      'json_malformed',
      "The record is not JSON: Expected end of input but got '{' at character 8",
    ],
    ['{"a":"\0"}', 'json_malformed', "The record is not JSON: Invalid character '\\u0000' at character 7"],
    ['{"a":🦊}', 'json_malformed', "The record is not JSON: Object value expected after ':' at character 6"],
    ['\uFEFF{"a":1}', 'json_malformed', /is not JSON.*at character 1$/],
    ['nonsense', 'json_malformed', /is not JSON.*at character 1$/],
    ['}', 'json_malformed', /is not JSON.*at character 1$/],
    ['[1,2]', 'json_not_object', 'The record is an array; it has to be an object in braces'],
    ['"text"', 'json_not_object', 'The record is a string; it has to be an object in braces'],
    ['12', 'json_not_object', 'The record is a number; it has to be an object in braces'],
    ['true', 'json_not_object', 'The record is a boolean; it has to be an object in braces'],
    ['null', 'json_not_object', 'The record is null; it has to be an object in braces'],
    [
      '{"a":1,"a":1}',
      'json_key_repeated',
      'The key "a" is given twice in the same object, again at character 8',
    ],
    ['{"a":1,"b":{"c":1,"\\u0063":2}}', 'json_key_repeated', /The key "c" is given twice.*at character 19$/],
    ['{"a":":","b":[{"c":1,"c" :2}]}', 'json_key_repeated', /The key "c".*at character 22$/],
    ['{"a" :1,"b":1,"a" :2}', 'json_key_repeated', /The key "a".*at character 15$/],
    ['{"a" :1,"b":":","a" :2}', 'json_key_repeated', /The key "a".*at character 17$/],
    ['{"a\\\\":1,"a\\\\":2}', 'json_key_repeated', /The key "a\\" is given twice/],
    ['{"__proto__":{"admin":true}}', 'json_key_reserved', 'The key "__proto__" is not allowed'],
    ['{"\\u005f_proto__":1}', 'json_key_reserved', 'The key "__proto__" is not allowed'],
    ['{"a":[{"constructor":1}]}', 'json_key_reserved', 'The key "constructor" is not allowed'],
    ['{"a":{"prototype":1}}', 'json_key_reserved', 'The key "prototype" is not allowed'],
    ['{"a":{"b":"\\ud83e"}}', 'not_text', 'The value of "a.b" holds half of a surrogate pair'],
    ['{"a":["x","\\uDD8A\\uD83E"]}', 'not_text', 'The value of "a.1" holds half of a surrogate pair'],
    ['{"a":{"\\ud83e":1}}', 'not_text', 'A key in "a" holds half of a surrogate pair'],
    ['{"\\ud83e":1}', 'not_text', 'A key holds half of a surrogate pair'],
  ])('%j is %s', (line, code, message) => {
    const rows = parse(`{"é":1}\n${line}\r\n\n{"b":2}\n`);
    expect(rows.map((row) => row.value ?? row.fault.code)).toEqual([{ é: 1 }, code, { b: 2 }]);
    expect(rows[1]?.offset).toBe(9);
    expect(rows[1]?.fault?.message).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
  });

  test('nothing reaches a prototype', () => {
    parse('{"__proto__":{"polluted":1}}\n{"constructor":{"prototype":{"polluted":1}}}\n');
    expect('polluted' in {}).toBe(false);
  });

  test('a text over the limit, in bytes', () => {
    const rows = parse('{"a":"12345678","b":"漢字ab"}\n{"a":{"b":"漢字漢"}}\n{"a":["123456789"]}\n', 8);
    expect(rows.map((row) => row.fault)).toEqual([
      undefined,
      { code: 'cell_too_large', message: 'The value of "a.b" has 9 bytes; the limit is 8' },
      { code: 'cell_too_large', message: 'The value of "a.0" has 9 bytes; the limit is 8' },
    ]);
  });

  test('thirty-two levels are read, and deeper ones refused however deep', () => {
    const nested = (levels: number, end = ']'.repeat(levels - 1)) => `{"a":${'['.repeat(levels - 1)}${end}}`;
    expect(parse(nested(32))[0]?.fault).toBeUndefined();
    const deep = [nested(33), nested(1_000_000), nested(1_000_000, ''), `${'{"a":'.repeat(9_000)}1`];
    for (const line of [...deep, `{"a":"${']'.repeat(20_000)}","b":${'['.repeat(20_000)}`]) {
      expect(values(`${line}\n{"b":1}\n`)).toEqual(['json_too_deep', { b: 1 }]);
    }
  });

  test('ten thousand keys are read, and more refused, wherever they are', () => {
    const keys = (count: number) => Array.from({ length: count }, (_, n) => `"k${n}":${n}`).join(',');
    const tooMany = ['json_too_many_keys', { b: 1 }];
    expect(parse(`{${keys(10_000)}}`)[0]?.fault).toBeUndefined();
    expect(values(`{${keys(10_001)}}\n{"b":1}\n`)).toEqual(tooMany);
    expect(parse(`{"a":{${keys(4999)}},"c":[{${keys(4999)}}]}`)[0]?.fault).toBeUndefined();
    expect(values(`{"a":{${keys(5000)}},"c":[{${keys(5000)}}]}\n{"b":1}\n`)).toEqual(tooMany);
    // The colons of a text are none.
    expect(parse(`{"a":"${String.raw`\"k\":1,`.repeat(20_000)}"}`)[0]?.fault).toBeUndefined();
    expect(values(`{${'"" :1,'.repeat(10_000)}"a":1}\n{"b":1}\n`)).toEqual(tooMany);
  });

  test('in a line too long to be searched the parser’s own words stand', () => {
    const [row] = parse(`{"a":"${'x'.repeat(100_000)}",}`);
    expect(row?.fault).toMatchObject({ code: 'json_malformed' });
    expect(row?.fault?.message).toMatch(/^The record is not JSON: .{5,200}$/);
  });

  test('a line with a byte of Windows-1252 is told; the others are read', () => {
    const chunk = Buffer.concat([
      Buffer.from('{"a":"é"}\n\n'),
      Buffer.from('{"a":"Ren\xe9"}\r\n', 'latin1'),
      Buffer.from(' \n{"a":"ü"}\n'),
    ]);
    const rows = parse(chunk);
    expect(rows.map((row) => row.value)).toEqual([{ a: 'é' }, undefined, { a: 'ü' }]);
    expect(rows[1]).toMatchObject({ offset: 12, fault: { code: 'file_encoding', record: 12, offset: 1021 } });
    expect(rows[1]?.fault?.message).toMatch(/0xE9.*seems to be Windows-1252/);
  });
});

describe('numbers as they are written', () => {
  test.each([
    ['0', true],
    ['-12.5', true],
    ['123456789012345', true],
    ['1234567890123456', false],
    ['12345678901234567890', false],
    ['0.1234567890123456', false],
    ['1e5', false],
    ['1E-400', false],
    ['-0', true],
    ['1.10', true],
  ])('%s', (literal, exact) => {
    for (const line of [`{"a":${literal}}`, `{"x":1.5,"a": ${literal} ,"y":"7"}`, `{"a":\t${literal}\r}`]) {
      const row = parse(line)[0]!;
      if (row.value === undefined) throw new Error(row.fault.message);
      expect(row.literal(['a'])).toBe(literal);
      expect(row.exact).toBe(exact);
    }
  });

  test.each([
    ['{"a":1.10}'],
    ['{"z":[{"a":2.0}],"a" : 1.10 }'],
    ['{"a":\t1.10,"z":{"a":2.0}}'],
    ['{"z":"a","a":1.10}'],
    ['{"z":"\\"a\\":2.0","a":1.10}'],
    ['{"\\u0061":1.10,"z":{"a":2.0}}'],
    ['{"a.a":2.0,"aa":3.0,"a":1.10}'],
  ])('of the right key: %s', (line) => {
    const row = parse(line)[0]!;
    if (row.value === undefined) throw new Error(row.fault.message);
    expect(row.literal(['a'])).toBe('1.10');
  });

  test('in objects and arrays, among texts that look like numbers', () => {
    const row = parse('{"a":"1.10","b":{"c":[-1.50,"\\"2.0\\\\",{"d":3.00}]},"e":null}')[0]!;
    if (row.value === undefined) throw new Error(row.fault.message);
    expect(row.literal(['b', 'c', '0'])).toBe('-1.50');
    expect(row.literal(['b', 'c', '2', 'd'])).toBe('3.00');
  });
});

test('how deep a record is that is no JSON is looked at no further than needed', () => {
  const looked = vi.spyOn(String.prototype, 'charCodeAt');
  const { code } = malformed('['.repeat(100_000), new Error('any'));
  const times = looked.mock.calls.length;
  looked.mockRestore();
  expect(code).toBe('json_too_deep');
  expect(times).toBeLessThan(1000);
  expect(malformed(`${'[]'.repeat(40)}"${'['.repeat(40)}`, new Error('any')).code).toBe('json_malformed');
  expect(malformed(`${'[{'.repeat(16)}x`, new Error('any')).code).toBe('json_malformed');
  expect(malformed(`${'[{'.repeat(16)}[${']}'.repeat(40)}`, new Error('any')).code).toBe('json_too_deep');
});
