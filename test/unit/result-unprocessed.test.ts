import { describe, expect, test } from 'vitest';
import { failedLine, type RecordError, unprocessedLine } from '../../src/core/result.ts';
import type { InputDescription } from '../../src/formats/description.ts';
import { csv, type Given, markedCsv, ndjson, sheetOf, textOf, xlsx } from '../support/result-contents.ts';

const bare: RecordError = { code: 'cells_too_many', message: 'The row has 4 cells, the header has 3' };

/** `u`: nobody has worked on it. `f`: it failed. */
const around = (statuses: string) =>
  [...statuses].map((status, index) =>
    status === 'u' ? unprocessedLine(index + 1) : failedLine(index + 1, [bare], 0),
  );

const unprocessed = (format: 'csv' | 'ndjson', given: Given) => textOf('unprocessed', format, given);

/** A sheet's row is a line with its cells in an array. */
const sheetLine = (...cells: unknown[]) => `${JSON.stringify(cells)}\n`;
const ERROR_CELL = { code: 'cell_error', message: 'holds the error #N/A' };

describe('the unprocessed records as CSV', () => {
  test('are their own cells under the client’s columns, marked as ours', () => {
    const given: Given = {
      description: csv('a', '=b, c'),
      input: '1,"x\r\n""y"""\r\n\r\n2,2,2\n 3 ,=1\n',
      lines: around('ufu'),
    };
    expect(unprocessed('csv', given)).toBe(
      'a,"\'=b, c",_rest,"_sheaf"\r\n1,"x\r\n""y""",,\r\n 3 ,\'=1,,\r\n',
    );
  });

  test('a record that nobody has looked at and that cannot be read stands in _rest', () => {
    const given: Given = { description: csv('a', 'b'), input: '1,2,3\n4,5\n', lines: around('uu') };
    expect(unprocessed('csv', given)).toBe('a,b,_rest,"_sheaf"\r\n,,"1,2,3",\r\n4,5,,\r\n');
  });

  test('of a file that came back have no column of ours but anew', () => {
    const given: Given = {
      description: markedCsv('a', '_rest', '_sheaf'),
      input: "'=1,,\r\n2,x,\r\n",
      lines: around('uu'),
    };
    expect(unprocessed('csv', given)).toBe('a,_rest,"_sheaf"\r\n\'=1,,\r\n2,x,\r\n');
  });

  test('of lines of JSON lose nothing', () => {
    const given: Given = {
      description: ndjson('id', 'n'),
      input: '{"id":"a","more":[1.0]}\n{"id":1.50}\n',
      lines: around('uu'),
    };
    expect(unprocessed('csv', given)).toBe('id,n,_rest,"_sheaf"\r\na,,"{""more"":[1.0]}",\r\n1.50,,,\r\n');
  });
});

test('lines of JSON begin with a byte order mark where the input was no plain UTF-8', () => {
  const given: Given = { description: ndjson('id'), input: '{"id":"a"}\n', lines: around('u') };
  expect(unprocessed('ndjson', given)).toBe('{"id":"a"}\n');
  const description = { ...given.description, encoding: 'windows-1252' as const };
  expect(unprocessed('ndjson', { ...given, description })).toBe('\uFEFF{"id":"a"}\n');
});

describe('the unprocessed records of a file whose columns are not known', () => {
  const given = (input: string, description: InputDescription = csv()): Given => {
    return { description, input, lines: around('u'), head: Buffer.from('"a\n') };
  };

  test('are their own bytes under what stood before them', () => {
    expect(unprocessed('csv', given('"1"\r\n'))).toBe('"a\n"1"\r\n');
    const skipped: Given = { ...given('1\n\n2\n3\n'), lines: around('ufu') };
    expect(unprocessed('csv', skipped)).toBe('"a\n1\n3\n');
  });

  test('read in another way than they were cut are refused: some would be lost without a word', () => {
    const cutByApostrophes = given("'a\nb'\n");
    expect(() => unprocessed('csv', cutByApostrophes)).toThrow('of the 1 records from 1 the input has 2');
  });

  test('a last row without a line end gets one, which changes no cell', () => {
    expect(unprocessed('csv', given('1'))).toBe('"a\n1\r\n');
    expect(unprocessed('csv', given('1\r'))).toBe('"a\n1\r\r\n');
    expect(unprocessed('csv', given('1\n'))).toBe('"a\n1\n');
  });
});

describe('the unprocessed records as lines', () => {
  test('of NDJSON are its own', () => {
    const given: Given = {
      description: ndjson('a'),
      input: '{"a":1.0}\r\n\n{"b": 2}\n{"a":3}',
      lines: around('ufu'),
    };
    expect(unprocessed('ndjson', given)).toBe('{"a":1.0}\r\n{"a":3}\n');
    const json = { ...ndjson('a'), format: 'json' as const };
    expect(unprocessed('ndjson', { ...given, description: json })).toBe('{"a":1.0}\r\n{"a":3}\n');
  });

  test('of a table are objects of its columns, to the letter', () => {
    const given: Given = { description: csv('b', '2024'), input: '=1,007\n,"x"\n1\n', lines: around('uuu') };
    expect(unprocessed('ndjson', given)).toBe('{"b":"=1","2024":"007"}\n{"b":"","2024":"x"}\n"1"\n');
  });

  test('of a file that came back have no column of ours, but for what is in _rest', () => {
    const given: Given = {
      description: markedCsv('_record', 'a', '_rest', '_sheaf'),
      input: "1,'=1,,\n2,,x,\n",
      lines: around('uu'),
    };
    expect(unprocessed('ndjson', given)).toBe('{"a":"=1"}\n{"a":"","_rest":"x"}\n');
  });

  test('of a workbook tell of cells that could not be read, which nobody may take for blank', () => {
    const given: Given = {
      description: xlsx('a', 'b'),
      input: sheetLine('1', ERROR_CELL),
      lines: around('u'),
    };
    expect(JSON.parse(unprocessed('ndjson', given))).toEqual({
      a: '1',
      b: { error: 'cell_error', message: 'holds the error #N/A' },
    });
  });
});

describe('the unprocessed records as a workbook', () => {
  test('have the client’s columns', () => {
    const given: Given = { description: xlsx('a', 'b'), input: sheetLine('=1', ''), lines: around('u') };
    const { names, rows } = sheetOf('unprocessed', given);
    expect(names).toEqual(['a', 'b', '_rest', '_sheaf']);
    expect(rows).toEqual([{ cells: ["'=1", null, null, null], marks: [], report: [] }]);
  });

  test('a cell that fills a field and could not be read is told in _rest, so that the row does not pass', () => {
    const input = sheetLine('1', ERROR_CELL);
    const given: Given = { description: xlsx('a', 'b'), input, lines: around('u') };
    const [row] = sheetOf('unprocessed', given).rows;
    const rest = '["1",{"error":"cell_error","message":"holds the error #N/A"}]';
    expect(row?.cells).toEqual(['1', null, rest, null]);
    expect(row?.marks).toEqual([{ column: 1, comment: 'holds the error #N/A (cell_error)' }]);
    const description = xlsx('a', 'b');
    description.columns[1]!.field = null;
    expect(sheetOf('unprocessed', { ...given, description }).rows[0]?.cells[2]).toBeNull();
  });
});
