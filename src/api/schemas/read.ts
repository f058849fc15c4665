import { Type } from 'typebox';
import { ENCODINGS, FILE_TYPES } from '../../core/file-format.ts';
import { COERCIONS } from '../../core/tally.ts';
import { dictionary, nullable } from './component.ts';

/** Of a list: a wide file has thousands, and a page many batches. */
export const MOST_COLUMNS_LISTED = 20;

const ColumnSchema = Type.Object({
  name: Type.String({
    description:
      'As the file has it. NDJSON and JSON: the keys of the first record, those of objects after a dot.',
  }),
  field: nullable(Type.String({ description: 'The field that it fills; null: it is ignored.' })),
  coerced: Type.Optional(
    dictionary<number>(
      {
        propertyNames: { enum: [...COERCIONS] },
        description:
          'How many of its cells became another value than their text, by the rule: `blank` (the field is not given), `number`, `boolean`, `date`, `date_time`, `text` (a number of JSON in a text field). Left out where none did, until every record is checked, and in lists.',
      },
      Type.Integer({ minimum: 1 }),
    ),
  ),
});

const table = (description: string) => `Of CSV and XLSX: ${description}`;

export const ReadSchema = Type.Object(
  {
    format: Type.Enum(FILE_TYPES, {
      description: 'Told by the content of the file. `json`: one array of objects.',
    }),
    compression: nullable(Type.Enum(['gzip'])),
    encoding: Type.Enum(ENCODINGS, { description: 'Of the text, as it came.' }),
    bom: Type.Boolean({ description: 'Whether it begins with a byte order mark.' }),
    delimiter: Type.Optional(Type.String({ description: 'Of CSV.' })),
    quote: Type.Optional(Type.String({ description: 'Of CSV.' })),
    line_end: Type.Optional(
      Type.Enum(['lf', 'crlf', 'cr'], { description: 'Of CSV: how the first row ends.' }),
    ),
    header: Type.Optional(Type.Boolean({ description: table('whether a row names the columns.') })),
    header_row: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: table('which row names the columns, from 1, blank rows counted; 0: none does.'),
      }),
    ),
    sheet: Type.Optional(Type.String({ description: 'Of XLSX: the name of the sheet.' })),
    date_system: Type.Optional(
      Type.Enum([1900, 1904], { description: 'Of XLSX: from which year the workbook counts its days.' }),
    ),
    marked: Type.Optional(
      Type.Boolean({
        description: table(
          'whether it is a result file that came back: then the columns that were added are left out, and what was done to cells that look like formulas is undone.',
        ),
      }),
    ),
    columns: Type.Array(ColumnSchema, {
      description: `In the order of the file. An item of a list of batches has the first ${MOST_COLUMNS_LISTED}; the batch itself has all.`,
    }),
    columns_total: Type.Integer({
      minimum: 0,
      description:
        'How many columns there are, shown or not; of NDJSON and JSON the keys of the first record, 2,048 at the most.',
    }),
  },
  { description: 'As what the file was read; null until it was.' },
);
