import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { membersOf } from '../../src/formats/results/json-members.ts';

describe('the members of an object, as its text has them', () => {
  test('numbers keep their digits, texts their escapes, arrays and objects their blanks', () => {
    const text =
      ' { "id" : 12345678901234567890, "score":1.50,"e":1E5 ,"t": "a\\"},\\\\", "l":[1, {"x":"]"}] ,"o":{ "a" : null } , "b":true}\r';
    expect(membersOf(text)).toEqual([
      { key: 'id', raw: '12345678901234567890' },
      { key: 'score', raw: '1.50' },
      { key: 'e', raw: '1E5' },
      { key: 't', raw: '"a\\"},\\\\"' },
      { key: 'l', raw: '[1, {"x":"]"}]' },
      { key: 'o', raw: '{ "a" : null }' },
      { key: 'b', raw: 'true' },
    ]);
  });

  test.each(['{}', ' { } ', '{\t}'])('%j has none', (text) => {
    expect(membersOf(text)).toEqual([]);
  });

  test('of any object, whatever blanks stand in it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
        fc.constantFrom('', ' ', '\t'),
        (object, indent) => {
          const text = JSON.stringify(object, null, indent).replaceAll('\n', ' ');
          const read = membersOf(text).map(({ key, raw }) => [key, JSON.parse(raw)]);
          expect(read).toEqual(Object.entries(JSON.parse(text)));
        },
      ),
    );
  });
});
