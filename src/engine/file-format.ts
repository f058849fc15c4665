import { datePatternProblem, timeZoneProblem } from '../core/dates.ts';
import type { FieldErrorCode, FieldProblem } from '../core/errors.ts';
import type { Encoding, FileFormat, FileType } from '../core/file-format.ts';
import { PLAIN_VALUES, type ValueRules } from '../core/value-rules.ts';

/** What a client says of a file, in a request and as it is answered. */
export interface FormatRequest {
  type?: FileType;
  encoding?: Encoding;
  delimiter?: string;
  quote?: string;
  sheet?: string;
  header_row?: number;
  decimal?: '.' | ',';
  thousands?: string | null;
  dates?: string[];
  time_zone?: string;
}

/** The types of file that an option can be about; the others are about values, which all of them have. */
const GOES_WITH = {
  encoding: ['csv', 'ndjson', 'json'],
  delimiter: ['csv'],
  quote: ['csv'],
  sheet: ['xlsx'],
  header_row: ['csv', 'xlsx'],
} as const satisfies { [Key in keyof FormatRequest]: readonly FileType[] };

type TypedOption = keyof typeof GOES_WITH;

const LETTER_OR_DIGIT = /[0-9A-Za-z]/;
/** Result tables are written with them too, and a row must not become a formula by what its cells are separated with. */
const FORMULA = ['=', '+', '-', '@'];
/** `'` as well, as it may turn out to be the quote where the request names none. */
const QUOTES = ['"', "'"];
/** Among the last four the delimiter is looked for where the request names none. */
const NO_QUOTES = [' ', ',', ';', '\t', '|'];

/**
 * What is wrong with it besides what its schema says: what contradicts itself, and what could not be read with.
 * @param request of a shape that its schema allows
 */
export function formatProblems(request: FormatRequest): FieldProblem[] {
  const problems = [
    ...typeProblems(request),
    ...delimiterProblems(request),
    ...quoteProblems(request),
    ...valueProblems(request),
  ];
  // What has no place in the request need not be right besides.
  const places = problems.map(({ pointer }) => pointer);
  return problems.filter(({ pointer }, index) => places.indexOf(pointer) === index);
}

function problem(option: string, code: FieldErrorCode, message: string): FieldProblem {
  return { pointer: `/format/${option}`, code, message };
}

function typeProblems(request: FormatRequest): FieldProblem[] {
  const type = request.type ?? (request.sheet === undefined ? undefined : 'xlsx');
  if (type === undefined) return [];
  const why = request.type === undefined ? 'with a sheet' : `with the type ${type}`;
  const options = Object.entries(GOES_WITH) as [TypedOption, readonly FileType[]][];
  return options
    .filter(([option, types]) => request[option] !== undefined && !types.includes(type))
    .map(([option, types]) =>
      problem(option, 'not_allowed', `goes with ${types.join(', ')} only, not ${why}`),
    );
}

function delimiterProblems({ delimiter }: FormatRequest): FieldProblem[] {
  if (delimiter === undefined) return [];
  const message = characterFault(delimiter, 'such as ";" or a tab');
  if (message !== null) return [problem('delimiter', 'invalid_format', message)];
  if (!QUOTES.includes(delimiter)) return [];
  return [problem('delimiter', 'invalid_format', 'must not be a quote')];
}

function quoteProblems({ quote, delimiter }: FormatRequest): FieldProblem[] {
  if (quote === undefined) return [];
  const message = characterFault(quote, `such as " or '`);
  if (message !== null) return [problem('quote', 'invalid_format', message)];
  if (NO_QUOTES.includes(quote)) {
    return [problem('quote', 'invalid_format', 'must not be a blank, or what columns are separated by')];
  }
  return quote === delimiter ? [problem('quote', 'not_allowed', 'is the delimiter too')] : [];
}

/** Bytes are compared with it, before a file is known to be text. */
function characterFault(text: string, example: string): string | null {
  if (text.length !== 1 || text.charCodeAt(0) > 0x7f) return `must be one ASCII character, ${example}`;
  if (text === '\r' || text === '\n') return 'must not be a line end';
  if (text !== '\t' && (text < ' ' || text === '\x7f')) return 'must not be a control character';
  if (FORMULA.includes(text)) return 'must not be what a spreadsheet begins a formula with';
  return LETTER_OR_DIGIT.test(text) ? 'must not be a letter or a digit' : null;
}

function valueProblems(request: FormatRequest): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const { decimal = PLAIN_VALUES.decimal, thousands, dates = [], time_zone: zone } = request;
  if (thousands === decimal) {
    const advice = request.decimal === undefined ? '; state the other one as decimal' : '';
    problems.push(problem('thousands', 'not_allowed', `is what stands before decimals too${advice}`));
  }
  for (const [index, pattern] of dates.entries()) {
    const message = datePatternProblem(pattern);
    if (message !== null) problems.push(problem(`dates/${index}`, 'invalid_format', message));
  }
  const message = zone === undefined ? null : timeZoneProblem(zone);
  if (message !== null) problems.push(problem('time_zone', 'invalid_format', message));
  return problems;
}

/** @param request one without problems */
export function fileFormatOf(request: FormatRequest): FileFormat {
  const { type, encoding, delimiter, quote, sheet, header_row: headerRow } = request;
  return {
    ...(type !== undefined && { type }),
    ...(encoding !== undefined && { encoding }),
    ...(delimiter !== undefined && { delimiter }),
    ...(quote !== undefined && { quote }),
    ...(sheet !== undefined && { sheet }),
    ...(headerRow !== undefined && { headerRow }),
    values: {
      decimal: request.decimal ?? PLAIN_VALUES.decimal,
      thousands: request.thousands ?? PLAIN_VALUES.thousands,
      dates: request.dates ?? PLAIN_VALUES.dates,
      timeZone: request.time_zone ?? PLAIN_VALUES.timeZone,
    },
  };
}

/** What a request would say to have this format: nothing of what goes without saying. */
export function formatRequestOf({ values, headerRow, ...format }: FileFormat): FormatRequest {
  return {
    ...format,
    ...(headerRow !== undefined && { header_row: headerRow }),
    ...valuesRequestOf(values),
  };
}

function valuesRequestOf({ decimal, thousands, dates, timeZone }: ValueRules): FormatRequest {
  return {
    ...(decimal !== PLAIN_VALUES.decimal && { decimal }),
    ...(thousands !== null && { thousands }),
    ...(dates.length > 0 && { dates: [...dates] }),
    ...(timeZone !== null && { time_zone: timeZone }),
  };
}
