import { Type } from 'typebox';
import { ENCODINGS, FILE_TYPES } from '../../core/file-format.ts';
import { component } from './component.ts';

/** As wide as a name may be that a workbook gives to a sheet. */
const LONGEST_SHEET_NAME = 31;
const MOST_DATE_PATTERNS = 10;
const LONGEST_PATTERN = 64;

/** What a schema cannot say in plain words is checked in the engine (engine/file-format.ts). */
export const FileFormatSchema = component(
  'FileFormat',
  Type.Object(
    {
      type: Type.Optional(
        Type.Enum(FILE_TYPES, {
          description: '`json` is one array of objects. Each may be gzipped as well.',
        }),
      ),
      encoding: Type.Optional(
        Type.Enum(ENCODINGS, { description: 'Of text: of an XLSX file it cannot be stated.' }),
      ),
      delimiter: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 1,
          description:
            'Of CSV: one ASCII character that is no letter, digit, line end, `"` or `\'`. Cells that hold it stand in quotes.',
        }),
      ),
      quote: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 1,
          description:
            'Of CSV: one ASCII character that is no letter, digit, line end, blank, comma, semicolon or `|`.',
        }),
      ),
      sheet: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: LONGEST_SHEET_NAME,
          description: 'Of XLSX: the name of the sheet; the first one that is not hidden when left out.',
        }),
      ),
      header_row: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 1_000_000,
          description:
            'Of CSV and XLSX: number of the row that names the columns, blank rows counted; what is above it is not read. 0: there is none, and columns are named `column_1`, `column_2`, …',
        }),
      ),
      decimal: Type.Optional(
        Type.Enum(['.', ','], { description: 'What stands before the decimals of numbers; a point.' }),
      ),
      thousands: Type.Optional(
        Type.Unsafe<string | null>({
          enum: ['.', ',', ' ', "'", '\u00a0', '\u202f', null],
          description:
            "What stands between groups of three digits: `.`, `,`, a space, `'`, a no-break space (U+00A0) or a narrow one (U+202F). Null, or left out: nothing may.",
        }),
      ),
      dates: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: LONGEST_PATTERN }), {
          maxItems: MOST_DATE_PATTERNS,
          uniqueItems: true,
          description:
            'Patterns of dates and times besides ISO 8601, for fields of these formats: `DD.MM.YYYY`, `M/D/YYYY`, `YYYY-MM-DD HH:mm:ss`. What two of them read differently fails its record.',
        }),
      ),
      time_zone: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 6,
          description:
            'Of times that name none: `Z` or an offset such as `+01:00`. Left out: such a time fails its record.',
        }),
      ),
    },
    {
      additionalProperties: false,
      description:
        'What is to be known of the file. Whatever is left out is told by the content, but for how numbers and dates are written, which is never guessed. What the content contradicts ends the batch in `validation_failed`.',
      examples: [
        {
          type: 'csv',
          delimiter: ';',
          decimal: ',',
          thousands: '.',
          dates: ['DD.MM.YYYY'],
          time_zone: '+01:00',
        },
        { sheet: 'Learners', header_row: 3 },
      ],
    },
  ),
);
