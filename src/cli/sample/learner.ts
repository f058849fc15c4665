import { PEOPLES } from './people.ts';
import type { SeededRandom } from './random.ts';

/** The columns of the sample: the input fields of the operation `create_learner`. */
export const LEARNER_COLUMNS = [
  'learner_id',
  'email',
  'given_name',
  'family_name',
  'birth_date',
  'phone',
  'country',
  'score',
  'joined_at',
] as const;

export type LearnerColumn = (typeof LEARNER_COLUMNS)[number];
export type Learner = Record<LearnerColumn, string>;

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const ZONES = ['Z', 'Z', '+00:00', '+01:00', '-05:00', '+05:30', '+09:00', '-03:30'] as const;
const LONGEST_NAME = 200;
const ID_DIGITS = 7;

/**
 * A learner that breaks no rule. Ids and addresses differ between records because the number is part of them;
 * birth date, phone, country and score are left blank now and then.
 *
 * @param record number of the record, from 1
 */
export function makeLearner(record: number, random: SeededRandom): Learner {
  const people = random.pick(PEOPLES);
  const [given, givenAscii] = random.pick(people.given);
  const [family, familyAscii] = random.pick(people.family);
  return {
    learner_id: String(record).padStart(ID_DIGITS, '0'),
    email: `${givenAscii}.${familyAscii}.${record}@example.${random.pick(['com', 'net', 'org'])}`,
    given_name: unusual(given, random),
    family_name: family,
    birth_date: random.oneIn(50) ? '' : date(random, 1950, 2010),
    phone: random.oneIn(12) ? '' : phone(random),
    country: random.oneIn(60) ? '' : random.pick(people.countries),
    score: random.oneIn(40) ? '' : score(random),
    joined_at: timestamp(random),
  };
}

/** Names that readers like to stumble on: a line break, an emoji, one as long as is allowed. */
function unusual(name: string, random: SeededRandom): string {
  const trick = random.integer(1, 1000);
  if (trick <= 3) return `${name}\nMaria`;
  if (trick === 4) return `${name}\r\nMaria`;
  if (trick <= 6) return `${name} 🦊`;
  if (trick === 7) return `${name} ${'de la Cruz '.repeat(LONGEST_NAME)}`.slice(0, LONGEST_NAME).trimEnd();
  return name;
}

function date(random: SeededRandom, firstYear: number, lastYear: number): string {
  const year = random.integer(firstYear, lastYear);
  const month = random.integer(1, 12);
  const leapDay = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  const day = random.integer(1, (DAYS[month - 1] ?? 28) + leapDay);
  return `${year}-${two(month)}-${two(day)}`;
}

function phone(random: SeededRandom): string {
  const subscriber = String(random.integer(0, 99_999_999)).padStart(8, '0');
  return random.oneIn(3)
    ? `0${random.integer(100, 999)} ${subscriber}`
    : `+${random.integer(1, 99)}${subscriber}`;
}

function score(random: SeededRandom): string {
  const hundredths = random.integer(0, 10_000);
  return `${Math.floor(hundredths / 100)}.${two(hundredths % 100)}`;
}

function timestamp(random: SeededRandom): string {
  const time = [random.integer(0, 23), random.integer(0, 59), random.integer(0, 59)].map(two).join(':');
  const fraction = random.oneIn(10) ? `.${String(random.integer(0, 999)).padStart(3, '0')}` : '';
  return `${date(random, 2015, 2025)}T${time}${fraction}${random.pick(ZONES)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
