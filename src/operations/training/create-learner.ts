import Type from 'typebox';
import { RetryableFault } from '../../core/errors.ts';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { done, type JudgedLearners, judgeLearners, type LearnerResult } from './judge-learners.ts';
import { type LearnerInput, learnerInput } from './learner-input.ts';
import { clearEmails, insertLearners, readLearners, updateLearners } from './learner-store.ts';

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
  template: {
    examples: [
      {
        learner_id: 'L-0001',
        email: 'ada@example.org',
        given_name: 'Ada',
        family_name: 'Lovelace',
        birth_date: '1990-12-31',
        phone: '+44 20 7946 0000',
        country: 'GB',
        score: 87.5,
        joined_at: '2026-01-31T08:00:00+01:00',
      },
      { learner_id: 'L-0002', given_name: 'Grace', phone: '0030 1234567' },
    ],
  },
  run: async (records, { accountId, settings: { on_duplicate }, sql }) =>
    await createLearners(records, {
      accountId,
      update: on_duplicate === 'update',
      sql,
    }),
});

interface Call {
  accountId: string;
  update: boolean;
  sql: TransactionSql;
}

/**
 * Comes to what the records would come to one after the other, in a handful of statements whatever they share.
 * Whoever has keys that no earlier record has can be inserted at once, as this changes nothing for those before; without
 * duplicates that is all. The rest is judged in the file's order by what is stored then, and what comes of it is written.
 */
async function createLearners(
  records: readonly OperationRecord<LearnerInput>[],
  call: Call,
): Promise<LearnerResult[]> {
  const results = new Map<number, LearnerResult>();
  const created = await insertLearners(call.sql, call.accountId, firstOfTheirKeys(records));
  const rest: OperationRecord<LearnerInput>[] = [];
  for (const record of records) {
    // What was inserted for an id is the first record that has it.
    if (created.delete(record.input.learner_id)) results.set(record.number, done(record.input, 'created'));
    else rest.push(record);
  }
  if (rest.length > 0) {
    const inputs = rest.map((record) => record.input);
    const known = await readLearners(call.sql, call.accountId, inputs, { lock: call.update });
    const judged = judgeLearners(inputs, known, { update: call.update });
    await write(judged, call);
    for (const [index, record] of rest.entries()) results.set(record.number, judged.results[index]!);
  }
  return records.map(({ number }) => results.get(number)!);
}

function firstOfTheirKeys(records: readonly OperationRecord<LearnerInput>[]): LearnerInput[] {
  const keys = new Set<string>();
  const first: LearnerInput[] = [];
  for (const { input } of records) {
    const id = `id ${input.learner_id}`;
    const email = input.email === undefined ? undefined : `email ${input.email.toLowerCase()}`;
    if (!keys.has(id) && (email === undefined || !keys.has(email))) first.push(input);
    // A record that waits keeps its keys too: nobody behind it may overtake it.
    keys.add(id);
    if (email !== undefined) keys.add(email);
  }
  return first;
}

async function write({ created, updated, givenUp }: JudgedLearners, call: Call): Promise<void> {
  const { sql, accountId } = call;
  if (givenUp.size > 0) await clearEmails(sql, accountId, [...givenUp]);
  if (updated.size > 0) await updateLearners(sql, accountId, [...updated.values()]);
  if (created.size === 0) return;
  const inserted = await insertLearners(sql, accountId, [...created.values()]);
  if (inserted.size < created.size) {
    throw new RetryableFault('another transaction wrote the same key', { free: true });
  }
}
