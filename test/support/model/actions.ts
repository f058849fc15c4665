import fc from 'fast-check';
import type { BatchRequest } from '../../../src/engine/batch-request.ts';
import { type PlannedFile, plannedFile } from './file.ts';
import { record } from './plain-record.ts';

/** A moment in a worker's life at which something may happen to it. */
export const POINTS = [
  /** Work is claimed, nothing is done. */
  'claimed',
  /** Something is about to be read from the object store. */
  'read',
  /** A piece of it has come. */
  'reading',
  /** A run of a suspect chunk is about to be tried alone. */
  'begun',
  /** The handler has made its writes, and has not answered. */
  'written',
  /** Something was stored or removed, or a part of a result file. */
  'stored',
  /** A step was committed. */
  'settled',
  /** The batch was moved on, and no ticket is written. */
  'advanced',
  /** Work is about to be given back after a fault. */
  'giving_back',
  /** The sweep is about to fail a batch. */
  'failing',
  /** A step of the sweep was done. */
  'swept',
] as const;
export type Point = (typeof POINTS)[number];

/**
 * What happens to a worker when it comes to a point for the nth time: it dies, it freezes until it is thawed or killed,
 * or whoever it called answers with a passing fault or with something that nobody thought of, though the work may be done.
 * Of what runs alone the process ends, and the worker sees it; a worker that does its work itself dies.
 */
export interface Mishap {
  at: Point;
  nth: number;
  how: 'crash' | 'crash_alone' | 'freeze' | 'fault' | 'error';
}

/** A row of a file that is sent back. */
export interface CorrectedRow {
  /** Which record of the batch it corrects: one of them; none, as it has no number; one that is not there; or one again. */
  corrects: 'one' | 'none' | 'unknown' | 'again';
  pick: number;
  kind: 'good' | 'refused' | 'poison' | 'too_long';
}

export interface RetryPlan {
  records: 'failed' | 'unprocessed' | 'both' | 'corrected';
  on_invalid?: 'skip' | 'reject';
  dry_run?: true;
  /** Of the file, where it is a corrected one. */
  format: PlannedFile['format'];
  rows: CorrectedRow[];
}

export type BatchPlan = Pick<
  BatchRequest,
  'on_invalid' | 'dry_run' | 'execution' | 'custom_id' | 'results_format' | 'priority'
> & { file: PlannedFile; stop_after: BatchRequest['stop_after']; hash: 'none' | 'right' | 'wrong' };

/** `pick` chooses among what there is at that moment. */
export type Action =
  | { do: 'create'; plan: BatchPlan; sameUpload: boolean }
  | { do: 'serve'; tickets: number; pick: number; oneStep: boolean; mishaps: Mishap[] }
  | { do: 'sweep'; mishaps: Mishap[] }
  | { do: 'thaw'; pick: number; told: boolean }
  | { do: 'kill'; pick: number }
  | { do: 'lose_ticket'; pick: number }
  | { do: 'double_ticket'; pick: number }
  | { do: 'empty_queue' }
  | { do: 'let_leases_expire' }
  | { do: 'let_backoff_pass' }
  /** Both, and a sweep after that. */
  | { do: 'recover' }
  | { do: 'lose_store'; calls: number }
  | { do: 'cancel'; pick: number }
  | { do: 'delete'; pick: number }
  | { do: 'resume'; pick: number; stop_after?: { failures: number } | null }
  | { do: 'retry'; pick: number; plan: RetryPlan }
  | { do: 'label'; pick: number; value: number }
  | { do: 'overwrite_upload'; pick: number }
  | { do: 'damage_input'; pick: number }
  | { do: 'let_results_expire'; pick: number }
  | { do: 'neglect' }
  /** The right to run the operation, of the user on whose behalf all batches run. */
  | { do: 'withdraw' }
  | { do: 'give_back' };

/** Where the most is at stake: these come up more often. */
const IN_THE_MIDDLE: readonly Point[] = ['written', 'written', 'stored', 'settled'];

const pick = fc.nat(11);

const mishapAt = (points: readonly Point[], most: number): fc.Arbitrary<Mishap> =>
  record({
    at: fc.constantFrom(...points),
    nth: fc.integer({ min: 1, max: most }),
    how: fc.constantFrom('crash', 'crash_alone', 'freeze', 'freeze', 'fault', 'error'),
  });

export const batchPlan: fc.Arbitrary<BatchPlan> = fc.record(
  {
    file: plannedFile,
    hash: fc.oneof(
      { weight: 11, arbitrary: fc.constantFrom('none' as const, 'right' as const) },
      { weight: 1, arbitrary: fc.constant('wrong' as const) },
    ),
    stop_after: fc.oneof(
      { weight: 4, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: record({ failures: fc.integer({ min: 1, max: 3 }) }) },
      {
        weight: 1,
        arbitrary: record({ share: fc.constantFrom(0.2, 0.5), min_records: fc.constantFrom(1, 4) }),
      },
    ),
    on_invalid: fc.constantFrom('skip', 'skip', 'skip', 'reject'),
    dry_run: fc.oneof(
      { weight: 9, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    execution: fc.constantFrom('parallel', 'serial'),
    custom_id: fc.oneof(
      { weight: 11, arbitrary: fc.constant('ref') },
      { weight: 1, arbitrary: fc.constant('none') },
    ),
    results_format: fc.constantFrom(['ndjson'], ['ndjson'], ['csv'], ['csv', 'ndjson']),
    priority: fc.nat(2),
  },
  { noNullPrototype: true, requiredKeys: ['file', 'hash', 'stop_after', 'on_invalid', 'dry_run'] },
);

const retryPlan: fc.Arbitrary<RetryPlan> = fc.record(
  {
    records: fc.constantFrom('failed', 'unprocessed', 'both', 'both', 'corrected'),
    on_invalid: fc.constantFrom('skip', 'skip', 'reject'),
    dry_run: fc.constant(true),
    format: fc.constantFrom('csv', 'ndjson'),
    rows: fc.array(
      record<CorrectedRow>({
        corrects: fc.constantFrom('one', 'one', 'one', 'one', 'one', 'none', 'unknown', 'again'),
        pick,
        kind: fc.constantFrom('good', 'good', 'good', 'good', 'refused', 'too_long', 'poison'),
      }),
      { minLength: 1, maxLength: 8 },
    ),
  },
  { noNullPrototype: true, requiredKeys: ['records', 'format', 'rows'] },
);

const often: { weight: number; arbitrary: fc.Arbitrary<Action> }[] = [
  {
    weight: 20,
    arbitrary: record({
      do: fc.constant('serve'),
      tickets: fc.integer({ min: 1, max: 6 }),
      pick,
      oneStep: fc.constantFrom(true, true, false),
      mishaps: fc.array(mishapAt([...POINTS, ...IN_THE_MIDDLE], 3), { maxLength: 3, size: 'max' }),
    }),
  },
  {
    weight: 5,
    arbitrary: record({
      do: fc.constant('sweep'),
      mishaps: fc.array(mishapAt(['swept', 'failing', 'advanced'], 6), { maxLength: 1 }),
    }),
  },
  { weight: 6, arbitrary: record({ do: fc.constant('thaw'), pick, told: fc.boolean() }) },
  { weight: 3, arbitrary: record({ do: fc.constant('let_leases_expire') }) },
  { weight: 2, arbitrary: record({ do: fc.constant('let_backoff_pass') }) },
  { weight: 4, arbitrary: record({ do: fc.constant('recover') }) },
];

const seldom: { weight: number; arbitrary: fc.Arbitrary<Action> }[] = [
  {
    weight: 3,
    arbitrary: record({
      do: fc.constant('create'),
      plan: batchPlan,
      sameUpload: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 1, arbitrary: record({ do: fc.constant('kill'), pick }) },
  { weight: 1, arbitrary: record({ do: fc.constant('lose_ticket'), pick }) },
  { weight: 2, arbitrary: record({ do: fc.constant('double_ticket'), pick }) },
  { weight: 1, arbitrary: record({ do: fc.constant('empty_queue') }) },
  { weight: 1, arbitrary: record({ do: fc.constant('lose_store'), calls: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: record({ do: fc.constant('cancel'), pick }) },
  { weight: 1, arbitrary: record({ do: fc.constant('delete'), pick }) },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        do: fc.constant('resume'),
        pick,
        stop_after: fc.oneof(fc.constant(null), record({ failures: fc.integer({ min: 1, max: 9 }) })),
      },
      { noNullPrototype: true, requiredKeys: ['do', 'pick'] },
    ),
  },
  { weight: 4, arbitrary: record({ do: fc.constant('retry'), pick, plan: retryPlan }) },
  { weight: 1, arbitrary: record({ do: fc.constant('label'), pick, value: fc.nat(99) }) },
  { weight: 1, arbitrary: record({ do: fc.constant('overwrite_upload'), pick }) },
  { weight: 1, arbitrary: record({ do: fc.constant('damage_input'), pick }) },
  { weight: 1, arbitrary: record({ do: fc.constant('let_results_expire'), pick }) },
  { weight: 1, arbitrary: record({ do: fc.constant('neglect') }) },
  { weight: 1, arbitrary: record({ do: fc.constant('withdraw') }) },
  { weight: 2, arbitrary: record({ do: fc.constant('give_back') }) },
];

/** A history begins with a batch, so that there is something for what follows to happen to. */
export const history: fc.Arbitrary<Action[]> = fc
  .tuple(batchPlan, fc.array(fc.oneof(...often, ...seldom), { minLength: 10, maxLength: 40, size: 'max' }))
  .map(([plan, actions]) => [{ do: 'create', plan, sameUpload: false }, ...actions]);
