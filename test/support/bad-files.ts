import { gzipSync } from 'node:zlib';
import type { BatchRequest } from '../../src/engine/batch-request.ts';
import { encoded } from './learner-forms.ts';
import { bomb } from './xlsx-bomb.ts';
import { bookOf, sheetOf } from './xlsx-book.ts';

/** A file that is wrong in some way, and what must become of it where good records are not to wait for bad ones. */
export interface BadFile {
  name: string;
  body: string | Buffer;
  request?: Partial<BatchRequest>;
  /** What is wrong with the file as a whole, if it is not its records alone. */
  fault?: { code: string; message: RegExp; record?: number };
  /** What becomes of each record: its status, or the code of its failure. */
  records: readonly string[];
  /** What is in the table afterwards, by `learner_id`; left out: as many as succeeded. */
  names?: Record<string, string | null>;
}

const HEADER = ['learner_id', 'given_name', 'score'];
const MILLION = 1_000_000;

const csv = (...rows: string[]) => `${[HEADER.join(','), ...rows].join('\r\n')}\r\n`;
const rowOf = (cells: readonly string[]) =>
  `<row>${cells.map((cell) => (cell.startsWith('<') ? cell : `<c t="str"><v>${cell}</v></c>`)).join('')}</row>`;
const xlsx = (...rows: string[][]) => bookOf({ rows: [HEADER, ...rows].map(rowOf).join('') });
const numbers = (count: number) => Array.from({ length: count }, (_, n) => `<c><v>${n}</v></c>`);
const times = (count: number, value: string): string[] => Array.from({ length: count }, () => value);

const GOOD = ['g1,Ana,1', 'g2,Ben,2', 'g3,Eva,3'];
const UNDONE = times(3, 'unprocessed');
const ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>';
const learner = (id: string, more = '') => `{"learner_id":"${id}"${more}}`;

/** A compound file, as Office wraps a workbook that needs a password. */
function protectedWorkbook(): Buffer {
  const file = Buffer.alloc(4096);
  file.set([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
  file.write('Root Entry', 1024, 'utf16le');
  file.write('EncryptedPackage', 1152, 'utf16le');
  return file;
}

/** Random enough that it is no bomb. */
const MANY = Array.from({ length: 5000 }, (_, n) => `m${(n * 7919) % 100_003},Name ${n},${n % 100}`);

const WORKBOOKS: BadFile[] = [
  {
    name: 'a bomb',
    body: bomb(40),
    fault: { code: 'file_bomb', message: /unpack/ },
    records: [],
  },
  {
    name: 'a header row of a million cells',
    body: bookOf({ rows: rowOf(numbers(MILLION)) }),
    fault: { code: 'file_damaged', message: /16384 columns/ },
    records: [],
  },
  {
    name: 'a header row as wide as a sheet can be',
    body: bookOf({ rows: [numbers(16_384), ['1']].map(rowOf).join('') }),
    fault: { code: 'file_header_malformed', message: /16384 columns/, record: 0 },
    records: ['unprocessed'],
  },
  {
    name: 'a record of a million cells',
    body: xlsx(['w1', 'Ana', '1'], numbers(MILLION), ['w3', 'Eva', '3']),
    fault: { code: 'file_damaged', message: /16384 columns/, record: 2 },
    records: ['unprocessed'],
  },
  {
    name: 'a record as wide as a sheet can be',
    body: xlsx(['w1', 'Ana', '1'], numbers(16_384), ['w3', 'Eva', '3']),
    records: ['succeeded', 'cells_too_many', 'succeeded'],
  },
  {
    name: 'entities',
    body: bookOf({ sheet: sheetOf(rowOf(HEADER)).replace('<worksheet', `${ENTITIES}<worksheet`) }),
    fault: { code: 'file_damaged', message: /declares/ },
    records: [],
  },
  {
    name: 'a password',
    body: protectedWorkbook(),
    fault: { code: 'file_encrypted', message: /password/ },
    records: [],
  },
  {
    name: 'an empty sheet',
    body: bookOf({ rows: '' }),
    fault: { code: 'file_no_records', message: /sheet/ },
    records: [],
  },
  {
    name: 'a header row alone',
    body: xlsx(),
    fault: { code: 'file_no_records', message: /./ },
    records: [],
  },
  {
    name: 'no header row',
    body: bookOf({
      rows: [
        ['n1', 'Ana'],
        ['n2', 'Ben'],
        ['n3', 'Eva'],
      ]
        .map(rowOf)
        .join(''),
    }),
    fault: { code: 'file_column_missing', message: /learner_id/ },
    records: times(2, 'unprocessed'),
  },
  {
    name: 'a name that is not allowed',
    body: bookOf({
      rows: [
        ['learner_id', '__proto__'],
        ['r1', 'x'],
      ]
        .map(rowOf)
        .join(''),
    }),
    fault: { code: 'file_header_reserved', message: /__proto__/ },
    records: ['unprocessed'],
  },
  {
    name: 'CSV behind it',
    body: Buffer.concat([xlsx(['b1', 'Ana', '1']), Buffer.from(csv(...GOOD))]),
    fault: { code: 'file_damaged', message: /./ },
    records: [],
  },
  {
    name: 'cells that hold no value',
    body: xlsx(
      ['c1', 'Ana', '<c t="e"><v>#DIV/0!</v></c>'],
      ['c2', '<c><f>A1</f></c>', '1'],
      ['c3', '_xD800_', '1'],
      ['c4', '_x0000_', '1'],
      ['c5', '_x0001__x001B_', '1'],
      ['<c><v>12345678901234567</v></c>', 'Eva', '1'],
      ['c7', 'Eva', '<c><v>12345678901234567</v></c>'],
    ),
    records: [
      'cell_error',
      'cell_not_computed',
      'not_text',
      'nul_character',
      'succeeded',
      'succeeded',
      'too_precise',
    ],
    names: { c5: '\x01\x1b', '12345678901234567': 'Eva' },
  },
];

const GZIP: BadFile[] = [
  {
    name: 'cut off',
    body: gzipSync(csv(...MANY)).subarray(0, 20_000),
    fault: { code: 'file_truncated', message: /end/ },
    records: [...times(3541, 'unprocessed'), 'file_truncated'],
  },
  {
    name: 'a bomb',
    body: gzipSync(`${csv(...GOOD)}${'\n'.repeat(48 * 1024 * 1024)}`),
    fault: { code: 'file_bomb', message: /times/ },
    records: UNDONE,
  },
  {
    name: 'garbage behind it',
    body: Buffer.concat([gzipSync(csv(...GOOD)), Buffer.from('garbage')]),
    fault: { code: 'file_damaged', message: /./ },
    records: UNDONE,
  },
  {
    name: 'CSV behind it',
    body: Buffer.concat([gzipSync(csv(...GOOD)), Buffer.from(csv(...GOOD))]),
    fault: { code: 'file_damaged', message: /./ },
    records: UNDONE,
  },
  {
    name: 'twice',
    body: gzipSync(gzipSync(csv(...GOOD))),
    fault: { code: 'file_not_supported', message: /once more/ },
    records: [],
  },
];

const half = encoded(`\ufeff${csv(...GOOD)}`, 'utf-16le');
const TEXT: BadFile[] = [
  {
    name: 'UTF-16 cut in half',
    body: half.subarray(0, -1),
    fault: { code: 'file_encoding', message: /./ },
    records: ['unprocessed', 'unprocessed', 'file_encoding'],
  },
  {
    name: 'half of a surrogate pair in UTF-16',
    body: encoded(`\ufeff${csv('u1,Ana,1', 'u2,\ud83d,2', 'u3,Eva,3')}`, 'utf-16be'),
    fault: { code: 'file_encoding', message: /half of a surrogate pair/, record: 2 },
    records: ['unprocessed', 'file_encoding', 'unprocessed'],
  },
  {
    name: 'UTF-8 and Windows-1252',
    body: Buffer.concat([Buffer.from(csv('x1,Zoë,1')), Buffer.from('x2,Zo\xeb,2\r\nx3,Eva,3\r\n', 'latin1')]),
    fault: { code: 'file_encoding', message: /format\.encoding/, record: 2 },
    records: ['unprocessed', 'file_encoding', 'unprocessed'],
  },
  {
    name: 'UTF-8, and UTF-16 behind it',
    body: Buffer.concat([Buffer.from(csv(...MANY)), encoded(`\ufeff${csv(...GOOD)}`, 'utf-16le')]),
    records: [...times(5000, 'succeeded'), ...times(4, 'nul_character'), 'cells_too_few'],
  },
  {
    name: 'a delimiter that changes',
    body: csv('d1,Ana,1', 'd2;Ben;2', 'd3\tEva\t3', 'd4,"x;y",4', 'd5,x;y,5'),
    records: ['succeeded', 'cells_too_few', 'cells_too_few', 'succeeded', 'succeeded'],
  },
  {
    name: 'a header row of 100,000 columns',
    body: `${times(100_000, 'c')
      .map((c, n) => c + n)
      .join(',')}\r\n${','.repeat(99_999)}\r\n`,
    fault: { code: 'file_header_malformed', message: /bytes/, record: 0 },
    records: ['unprocessed'],
  },
  {
    name: 'a record of 100,000 cells',
    body: csv('k1,Ana,1', ','.repeat(99_999), 'k3,Eva,3'),
    records: ['succeeded', 'cells_too_many', 'succeeded'],
  },
  {
    name: 'control characters',
    body: csv('a1,\x01\x07\x1b[31m\x7f\x85\u2028\ufffe,1', 'a2,\0,2', 'a3,\ufeff,3'),
    records: ['succeeded', 'nul_character', 'succeeded'],
    names: { a1: '\x01\x07\x1b[31m\x7f\x85\u2028\ufffe', a3: '\ufeff' },
  },
  {
    name: 'JSON behind CSV',
    body: [csv('j1,Ana,1').trimEnd(), learner('j2'), learner('j3', ',"given_name":"Eva","score":3')].join(
      '\n',
    ),
    records: ['succeeded', 'quote_misplaced', 'quote_misplaced'],
  },
];

const JSON_FILES: BadFile[] = [
  {
    name: 'CSV behind lines of JSON',
    body: `${learner('l1')}\n${csv('l2,Ana,1')}${learner('l3')}\n`,
    records: ['succeeded', 'json_malformed', 'json_malformed', 'succeeded'],
  },
  {
    name: 'lines of JSON behind an array',
    body: `[${learner('y1')}]\n${learner('y2')}\n`,
    fault: { code: 'file_json_malformed', message: /closing bracket/ },
    records: ['unprocessed'],
  },
  {
    name: 'an array behind lines of JSON',
    body: `${learner('z1')}\n[${learner('z2')}]\n${learner('z3')}\n`,
    records: ['succeeded', 'json_not_object', 'succeeded'],
  },
  {
    name: 'an array that is cut off',
    body: `[${learner('e1')},${learner('e2')},{"learner_id":"e3`,
    fault: { code: 'file_json_malformed', message: /./ },
    records: ['unprocessed', 'unprocessed', 'file_json_malformed'],
  },
  {
    name: 'an array of all that an object cannot be',
    body: `[${[
      learner('o1'),
      learner('o2', `,"x":${'['.repeat(50_000)}${']'.repeat(50_000)}`),
      learner('o3', ',"__proto__":{"score":1}'),
      learner('o4', ',"x":{"constructor":1}'),
      learner('o5', ',"learner_id":"o5"'),
      learner('o6', ',"given_name":"\\ud800"'),
      learner('o7', ',"given_name":"\\u0000"'),
      learner('o8', ',"given_name":"\\u0001\\u2028"'),
      learner('o9', ',"score":9007199254740993'),
      learner('o10', ',"score":1e400'),
      learner('o11', ',"score":0.1000000000000000000001'),
      '{"learner_id":9007199254740993}',
      '{"learner_id":1e400}',
      '7',
      'null',
    ].join(',\n')}]`,
    records: [
      'succeeded',
      'json_too_deep',
      'json_key_reserved',
      'json_key_reserved',
      'json_key_repeated',
      'not_text',
      'nul_character',
      'succeeded',
      'too_precise',
      'too_precise',
      'too_precise',
      'succeeded',
      'succeeded',
      'json_not_object',
      'json_not_object',
    ],
    names: { o1: null, o8: '\x01\u2028', '9007199254740993': null, '1e400': null },
  },
];

const named = (kind: string, files: BadFile[]) =>
  files.map(({ name, ...file }) => ({ name: `${kind}: ${name}`, ...file }));

export const BAD_FILES: readonly BadFile[] = [
  ...named('XLSX', WORKBOOKS),
  ...named('gzip', GZIP),
  ...named('text', TEXT),
  ...named('JSON', JSON_FILES),
];
