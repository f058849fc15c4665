import { describe, expect, test } from 'vitest';
import { neutralised, restored } from '../../src/core/neutralise.ts';

describe('neutralised', () => {
  test.each([
    '=1+1',
    "=cmd|'/c calc'!A1",
    '+1+cmd',
    '-2+3+cmd|x',
    '@SUM(1)',
    '\t=1',
    '\r=1',
    '\n=1',
    '\0=1',
    '＝1+1',
    '＠SUM(1)',
    "'=1",
    "'''@x",
    '=',
    '-',
    '+',
    '-A1',
    '+A1',
    '-5+A1',
    '-5 -A1',
    '--5',
    '+-5',
    '-(5)',
    '+()',
    '-5=',
    '+49 170 x',
    '-49 (170) 1',
    '-1,',
    '-1e',
    `-${'1'.repeat(64)}`,
    '+1\n=1',
    "'-5",
    "'+49 170",
  ])('%j gets an apostrophe', (text) => {
    expect(neutralised(text)).toBe(`'${text}`);
    expect(restored(`'${text}`)).toBe(text);
  });

  test.each([
    '',
    ' ',
    'Ada',
    ' =1',
    '1=1',
    '-5',
    '+5',
    '-.5',
    '-,5',
    '-3,5',
    '+1.5e3',
    '-1.5E-3',
    '-1.234.567,89',
    '-1 234,56',
    '-1\u202f234',
    "-1'234.5",
    '12%',
    '-12%',
    '-12,5 %',
    '+49 (170) 123-45',
    '+49.170.12345',
    '+1-555-0100',
    '+(49) 170/123',
    '+ 49 170',
    `+${'1'.repeat(63)}`,
    "'",
    "'Ada",
    "'5",
    "''",
    'a=b',
    '😀',
  ])('%j stays', (text) => {
    expect(neutralised(text)).toBe(text);
    expect(restored(text)).toBe(text);
  });
});

describe('restored', () => {
  test.each([
    ["'=1+1", '=1+1'],
    ["''=1", "'=1"],
    ["'-5", '-5'],
    ["'+49 170", '+49 170'],
    ["'Ada", "'Ada"],
    ["'", "'"],
    ["'''", "'''"],
    ['=1+1', '=1+1'],
    ['', ''],
  ])('%j is %j', (cell, text) => {
    expect(restored(cell)).toBe(text);
  });
});

test('a text of a MiB is decided all the same', () => {
  const size = 1 << 20;
  for (const unit of ["'", '=', '-', '+1', '-1.', '+(', '+ ', '\t', '+1 ', "-1'"]) {
    for (const start of ['', "'", '+', '-']) {
      for (const end of ['', 'x', '=']) {
        const text = start + unit.repeat(size / unit.length) + end;
        expect(restored(neutralised(text)) === text).toBe(true);
      }
    }
  }
});
