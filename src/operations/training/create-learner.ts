import Type, { type Static } from 'typebox';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { failed, type RecordResult, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { type LearnerInput, learnerInput } from './learner-input.ts';
import { addKeysTaken, insertLearners, type TakenKeys, updateLearners } from './learner-store.ts';

const output = Type.Object(
  { learner_id: Type.String(), action: Type.Union([Type.Literal('created'), Type.Literal('updated')]) },
  { additionalProperties: false },
);

const settings = Type.Object(
  {
    on_duplicate: Type.Unsafe<'fail' | 'update'>({
      type: 'string',
      enum: ['fail', 'update'],
      default: 'fail',
      description:
        'What happens to a record whose learner_id exists: it fails, or what it gives is written over',
    }),
  },
  { additionalProperties: false },
);

type LearnerOutput = Static<typeof output>;
type LearnerResult = RecordResult<LearnerOutput>;

/**
 * Creates learners, or updates those that exist. A blank cell is “not given” and leaves what is stored.
 * Of two records with the same key the first in the file wins within a chunk; across chunks one does.
 */
export const createLearner = defineOperation({
  name: 'create_learner',
  version: 1,
  title: 'Create learners',
  description: 'Creates a learner from each record; with on_duplicate: update, updates those that exist.',
  input: learnerInput,
  output,
  settings,
  failures: {
    duplicate_learner_id: 'A learner with this learner_id exists, or an earlier record of the file has it',
    email_taken: 'Another learner has this email',
  },
  run: async (records, { accountId, settings: { on_duplicate }, sql }) =>
    await runRounds(records, {
      accountId,
      update: on_duplicate === 'update',
      sql,
    }),
});

interface Round {
  accountId: string;
  update: boolean;
  sql: TransactionSql;
}

/**
 * Records that share a key must be seen one after the other, the others can go at once. So each round takes, in the
 * file's order, every record whose keys no earlier record of the round has, and leaves the rest to the next round.
 * Without duplicates that is one round: one statement for the chunk.
 */
async function runRounds(
  records: readonly OperationRecord<LearnerInput>[],
  round: Round,
): Promise<LearnerResult[]> {
  const results = new Map<number, LearnerResult>();
  const taken: TakenKeys = { ids: new Set(), emails: new Map() };
  let left = records;
  while (left.length > 0) {
    const { now, later } = distinct(left);
    await runRound(now, round, taken, results);
    // What the rounds so far wrote or found decides about duplicates without asking the database again: a chunk of
    // one and the same key is two rounds, not a round a record.
    left = round.update ? later : later.filter((record) => !fails(record, taken, results));
  }
  return records.map(({ number }) => results.get(number)!);
}

function fails(
  { number, input: learner }: OperationRecord<LearnerInput>,
  taken: TakenKeys,
  results: Map<number, LearnerResult>,
): boolean {
  const failure = failureOf(learner, taken);
  if (failure !== undefined) results.set(number, failure);
  return failure !== undefined;
}

function distinct(records: readonly OperationRecord<LearnerInput>[]) {
  const keys = new Set<string>();
  const now: OperationRecord<LearnerInput>[] = [];
  const later: OperationRecord<LearnerInput>[] = [];
  for (const record of records) {
    const id = `id ${record.input.learner_id}`;
    const email = record.input.email === undefined ? undefined : `email ${record.input.email.toLowerCase()}`;
    const free = !keys.has(id) && (email === undefined || !keys.has(email));
    (free ? now : later).push(record);
    // A record that waits keeps its keys too: nobody behind it may overtake it.
    keys.add(id);
    if (email !== undefined) keys.add(email);
  }
  return { now, later };
}

/** Writes one round: inserts what is new, then fails or updates what is not. */
async function runRound(
  records: readonly OperationRecord<LearnerInput>[],
  { accountId, update, sql }: Round,
  taken: TakenKeys,
  results: Map<number, LearnerResult>,
): Promise<void> {
  const created = await insertLearners(sql, accountId, inputsOf(records));
  const rest = records.filter((record) => !created.has(record.input.learner_id));
  if (rest.length > 0) await addKeysTaken(sql, accountId, inputsOf(rest), taken);

  const updates: OperationRecord<LearnerInput>[] = [];
  for (const record of rest) {
    const failure = update ? emailFailure(record.input, taken) : failureOf(record.input, taken);
    if (failure === undefined) updates.push(record);
    else results.set(record.number, failure);
  }
  if (updates.length > 0) await updateLearners(sql, accountId, inputsOf(updates));

  for (const record of updates) results.set(record.number, done(record, 'updated'));
  for (const record of records) {
    if (!created.has(record.input.learner_id)) continue;
    results.set(record.number, done(record, 'created'));
    taken.ids.add(record.input.learner_id);
    if (record.input.email !== undefined) {
      taken.emails.set(record.input.email.toLowerCase(), record.input.learner_id);
    }
  }
}

function inputsOf(records: readonly OperationRecord<LearnerInput>[]): LearnerInput[] {
  return records.map((record) => record.input);
}

function done(record: OperationRecord<LearnerInput>, action: LearnerOutput['action']): LearnerResult {
  return succeeded({ learner_id: record.input.learner_id, action });
}

function failureOf(learner: LearnerInput, taken: TakenKeys): LearnerResult | undefined {
  if (taken.ids.has(learner.learner_id)) {
    const message = `a learner with the id ${JSON.stringify(learner.learner_id)} exists already`;
    return failed('duplicate_learner_id', message, 'learner_id');
  }
  return emailFailure(learner, taken);
}

function emailFailure(learner: LearnerInput, taken: TakenKeys): LearnerResult | undefined {
  if (learner.email === undefined) return undefined;
  const owner = taken.emails.get(learner.email.toLowerCase());
  if (owner === undefined || owner === learner.learner_id) return undefined;
  return failed('email_taken', `the email ${learner.email} is another learner’s`, 'email');
}
