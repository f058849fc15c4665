import { LEARNER_COLUMNS, type Learner } from '../../src/cli/sample/learner.ts';

/*
 * Learners whose values are easily damaged on their way through a file, and what must become of them: the same in
 * whatever form they come.
 */

export const FIELDS = LEARNER_COLUMNS;

/** As a client has it: texts, '' where nothing is given. */
export type AwkwardLearner = Readonly<Learner>;

/** All of them can be written in Windows-1252. */
const TEXTS: readonly string[] = [
  'Jörg',
  'Zoë “Zo” Šimúnek',
  '€uro – …œuvre',
  'O"Brien',
  '"quoted"',
  '""',
  'comma, comma',
  'semicolon; semicolon',
  'pipe|pipe',
  'tab\ttab',
  'all of ",;|\t" at once',
  'two\nlines',
  '\nbegins with a line end',
  'a blank line\n\nbetween',
  '  blanks around  ',
  "'apostrophe'",
  "it's",
  '=1+1',
  '+SUM(A1)',
  '@x',
  '-5',
  '+49 170',
  '007',
  '1,5',
  '1.50',
  '1e5',
  '12345678901234567890',
  'TRUE',
  'null',
  'NaN',
  '2026-01-31',
  '31.12.1999',
  '50%',
  '#N/A',
  '#',
  '<b>&amp;</b>',
  ']]>',
  '{"a": 1}',
  '[1]',
  'back\\slash \\n \\"',
  '__proto__',
  'constructor',
  '_status',
  '\u00a0',
  '0',
];

/** Some that no single byte stands for. */
const WIDE_TEXTS: readonly string[] = [
  '漢字かな',
  'Ελλάδα Россия',
  '😀 and 👨‍👩‍👧 and 𝔘',
  'e\u0301 is not é',
  'שלום',
  '\ufeffBOM inside',
];
const PHONES = ['+49 (170) 123-45', '0049170123', '00', '-', '(0) 1'];
const BIRTH_DATES = ['1999-12-31', '2000-02-29', '1950-01-01', '2024-03-01'];
const SCORES = ['7.5', '100', '0', '0.25', '99.99'];
const JOINED = ['2026-01-31T08:00:00+01:00', '2026-01-31T08:00:00Z', '1999-12-31T23:59:59.123-11:30'];
// Namibia and Norway are the ones that are taken for "not available" and for a boolean.
const COUNTRIES = ['DE', 'NA', 'NO', 'GB'];

/** Each list in turn, and now and then nothing. */
const turn = (list: readonly string[], n: number) => list[n % (list.length + 1)] ?? '';

function learnerOf(text: string, n: number): AwkwardLearner {
  const learner_id = ['0000', '1234567890123456789', 'L-'][n % 3] + String(n + 10);
  return {
    learner_id,
    email: n % 4 === 0 ? '' : `p${n}@example.org`,
    given_name: text,
    family_name: n % 5 === 0 ? '' : `van\n"der" Straße ${n}`,
    birth_date: turn(BIRTH_DATES, n),
    phone: turn(PHONES, n),
    country: turn(COUNTRIES, n),
    score: turn(SCORES, n),
    joined_at: turn(JOINED, n),
  };
}

/** A rule that a record breaks, as its failure must tell it. */
export interface BrokenRule {
  code: string;
  field: keyof AwkwardLearner;
  value: string;
}

const BROKEN: readonly BrokenRule[] = [
  { field: 'email', value: 'nobody', code: 'invalid_format' },
  { field: 'score', value: '1000', code: 'out_of_range' },
  { field: 'score', value: '7,5', code: 'invalid_type' },
  { field: 'birth_date', value: '31.12.1999', code: 'invalid_format' },
  { field: 'birth_date', value: '2023-02-29', code: 'invalid_format' },
  { field: 'learner_id', value: '', code: 'required' },
  { field: 'country', value: 'XX', code: 'not_allowed' },
  { field: 'joined_at', value: '2026-01-31T08:00:00', code: 'invalid_format' },
];

/** A record, and the rule that it breaks, if it does. */
export interface AwkwardRecord {
  learner: AwkwardLearner;
  broken?: BrokenRule;
}

/**
 * @param wide with texts that are not in Windows-1252
 * @returns good records with bad ones between them
 */
export function awkwardRecords({ wide }: { wide: boolean }): AwkwardRecord[] {
  const texts = wide ? [...TEXTS, ...WIDE_TEXTS] : TEXTS;
  return texts.flatMap((text, n) => {
    const learner = learnerOf(text, n);
    const broken = n % 5 === 3 ? BROKEN[(n - 3) / 5] : undefined;
    if (broken === undefined) return [{ learner }];
    const bad = {
      ...learner,
      learner_id: `bad${n}`,
      email: `bad${n}@example.org`,
      [broken.field]: broken.value,
    };
    return [{ learner: bad, broken }, { learner }];
  });
}

/** What the table holds of a good record; `select` of the test says it in the same words. */
export function storedOf({ learner }: AwkwardRecord): Record<string, string | null> {
  const values = Object.entries(learner).map(([field, value]) => [field, value === '' ? null : value]);
  const stored = Object.fromEntries(values) as Record<string, string | null>;
  return {
    ...stored,
    score: learner.score === '' ? null : Number(learner.score).toFixed(2),
    joined_at: learner.joined_at === '' ? null : new Date(learner.joined_at).toISOString(),
  };
}
