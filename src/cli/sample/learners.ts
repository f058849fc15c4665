import { csvLine } from '../../formats/csv/write.ts';
import { learnerLine, SAMPLE_FAULTS, type SampleFaultKind, type TakenKeys } from './faults.ts';
import { LEARNER_COLUMNS, makeLearner } from './learner.ts';
import { SeededRandom } from './random.ts';

export interface SampleOptions {
  /** How many records, bad ones included. */
  records: number;
  /** Equal options give equal bytes. */
  seed: number;
  /** How many records are bad: at most half of them, so that a good one comes before each. */
  bad: number;
}

export interface SampleSummary {
  records: number;
  bad: number;
  /** How many records are bad in each way. */
  kinds: Record<SampleFaultKind, number>;
  /** How many records fail with each error code. */
  codes: Record<string, number>;
}

export interface PlannedFault {
  /** Number of the record, from 1. */
  record: number;
  kind: SampleFaultKind;
}

const KINDS = Object.keys(SAMPLE_FAULTS) as SampleFaultKind[];
const PIECE_CHARACTERS = 64 * 1024;
/** How many good records are remembered for the bad ones that repeat their keys. */
const REMEMBERED = 40;

/**
 * A sample file for `create_learner`: CSV text in pieces of some 64 KB, the header row first. Good records pass
 * the operation; bad ones fail, each in one known way.
 *
 * @throws RangeError when more than half of the records are to be bad
 */
export function* sampleLearners(options: SampleOptions): Generator<string> {
  const faults = plannedFaults(options);
  const random = new SeededRandom(options.seed);
  // One good record for each bad one: no two repeat the same keys, so each that does fails exactly one record,
  // whichever of the two is processed first.
  const earlier: TakenKeys[] = [];
  let afterFault = true;
  let fault = faults.next().value;
  let piece = csvLine(LEARNER_COLUMNS);
  for (let record = 1; record <= options.records; record++) {
    const learner = makeLearner(record, random);
    if (fault?.record === record) {
      piece += badLine(fault.kind, learner, earlier, random);
      fault = faults.next().value;
      afterFault = true;
    } else {
      piece += learnerLine(learner);
      if (afterFault) earlier.push(learner);
      if (earlier.length > REMEMBERED) earlier.shift();
      afterFault = false;
    }
    if (piece.length >= PIECE_CHARACTERS) {
      yield piece;
      piece = '';
    }
  }
  if (piece !== '') yield piece;
}

/**
 * Which records of the sample are bad, in the file's order: one at random in each of `bad` stretches of equal
 * length, but never its first record; the kinds take turns.
 */
export function* plannedFaults(options: SampleOptions): Generator<PlannedFault, undefined> {
  const { records, bad } = options;
  if (bad * 2 > records) throw new RangeError(`at most half of ${records} records can be bad, not ${bad}`);
  // A sequence of its own: the plan is known without making the learners.
  const random = new SeededRandom(~options.seed);
  for (let index = 0; index < bad; index++) {
    const first = Math.floor((index * records) / bad) + 1;
    const last = Math.floor(((index + 1) * records) / bad);
    const kind = KINDS[index % KINDS.length];
    if (kind) yield { record: random.integer(first + 1, last), kind };
  }
  return undefined;
}

/** How many records of the sample fail, by kind and by error code; all others succeed in an empty table. */
export function summarizeSample(options: SampleOptions): SampleSummary {
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<SampleFaultKind, number>;
  const codes: Record<string, number> = {};
  for (const { kind } of plannedFaults(options)) {
    const { code } = SAMPLE_FAULTS[kind];
    kinds[kind] += 1;
    codes[code] = (codes[code] ?? 0) + 1;
  }
  return { records: options.records, bad: options.bad, kinds, codes };
}

/** Every bad record comes after a good one of its own stretch, so there are always keys to repeat. */
function badLine(
  kind: SampleFaultKind,
  learner: Parameters<typeof learnerLine>[0],
  earlier: TakenKeys[],
  random: SeededRandom,
): string {
  const fault = SAMPLE_FAULTS[kind];
  const [source = learner] =
    fault.code === 'duplicate_learner_id' || fault.code === 'email_taken'
      ? earlier.splice(random.integer(0, earlier.length - 1), 1)
      : [];
  return fault.line(learner, random, source);
}
