import type { RecordErrorCode } from '../../core/errors.ts';
import { csvLine } from '../../formats/csv/write.ts';
import { LEARNER_COLUMNS, type Learner } from './learner.ts';
import type { SeededRandom } from './random.ts';

/** Keys of an earlier good record, for the records that repeat one of them. */
export type TakenKeys = Pick<Learner, 'learner_id' | 'email'>;

export interface SampleFault {
  /** The error code that such a record fails with. */
  code: RecordErrorCode | 'duplicate_learner_id' | 'email_taken';
  /** Writes a good learner as a bad CSV line. */
  line(learner: Learner, random: SeededRandom, earlier: TakenKeys): string;
}

const TOO_LONG_ID = 65;
const TOO_LONG_NAME = 201;
const TOO_LONG_PHONE = 33;

/** Every way in which a record of the sample is bad; a bad record is bad in just one. */
export const SAMPLE_FAULTS = {
  learner_id_missing: set('required', () => ({ learner_id: '' })),
  learner_id_too_long: set('too_long', (learner) => ({
    learner_id: learner.learner_id.padStart(TOO_LONG_ID, '0'),
  })),
  email_malformed: set('invalid_format', (learner, random) => ({
    email: random.pick([
      learner.email.replace('@', ' at '),
      learner.email.replace(/@.*/, '@'),
      `@${learner.email}`,
    ]),
  })),
  date_impossible: set('invalid_format', (_, random) => ({
    birth_date: random.pick(['2001-02-30', '1999-02-29', '1985-04-31', '2003-13-01', '1977-11-00']),
  })),
  date_in_other_order: set('invalid_format', (_, random) => ({
    birth_date: random.pick(['31/12/1999', '12/31/1999', '31.12.1999', '19991231']),
  })),
  country_unknown: set('not_allowed', (_, random) => ({ country: random.pick(['XX', 'ZZ', 'QX', 'AA']) })),
  score_above_100: set('out_of_range', (_, random) => ({ score: random.pick(['100.01', '101', '9000.50']) })),
  score_too_precise: set('too_precise', (_, random) => ({
    score: random.pick(['87.125', '0.001', '99.999']),
  })),
  score_not_a_number: set('invalid_type', (_, random) => ({
    score: random.pick(['n/a', '87,50', 'ninety', '8O']),
  })),
  joined_at_without_zone: set('invalid_format', (learner) => ({
    joined_at: learner.joined_at.replace(/(?:Z|[+-]\d\d:\d\d)$/, ''),
  })),
  name_too_long: set('too_long', (learner) => ({
    family_name: learner.family_name.padEnd(TOO_LONG_NAME, 'xyz'),
  })),
  phone_too_long: set('too_long', (_, random) => ({
    phone: `+${String(random.integer(1, 9)).repeat(TOO_LONG_PHONE - 1)}`,
  })),
  cells_too_few: cells('cells_too_few', (learner) => csvLine(row(learner).slice(0, -2))),
  cells_too_many: cells('cells_too_many', (learner) => csvLine([...row(learner), 'surplus'])),
  quote_misplaced: cells('quote_misplaced', (learner) => {
    return learnerLine({ ...learner, given_name: 'Anna' }).replace('Anna', 'An"na');
  }),
  learner_id_repeated: set('duplicate_learner_id', (_, __, earlier) => ({ learner_id: earlier.learner_id })),
  email_repeated: set('email_taken', (_, __, earlier) => ({ email: earlier.email })),
} as const satisfies Record<string, SampleFault>;

export type SampleFaultKind = keyof typeof SAMPLE_FAULTS;

/** The learner as a CSV line. */
export function learnerLine(learner: Learner): string {
  return csvLine(row(learner));
}

function row(learner: Learner): string[] {
  return LEARNER_COLUMNS.map((column) => learner[column]);
}

/** A fault of values: the line has the right number of cells, and some hold what `change` says. */
function set(code: SampleFault['code'], change: Change): SampleFault {
  return {
    code,
    line: (learner, random, earlier) => learnerLine({ ...learner, ...change(learner, random, earlier) }),
  };
}

type Change = (learner: Learner, random: SeededRandom, earlier: TakenKeys) => Partial<Learner>;

/** A fault of the line itself. */
function cells(code: SampleFault['code'], line: (learner: Learner) => string): SampleFault {
  return { code, line };
}
