import { failed, type RecordResult, succeeded } from '../../core/result.ts';
import type { LearnerInput } from './learner-input.ts';
import type { KnownLearners } from './learner-store.ts';

export interface LearnerOutput {
  learner_id: string;
  action: 'created' | 'updated';
}
export type LearnerResult = RecordResult<LearnerOutput>;

export interface JudgedLearners {
  /** One for each learner, in order. */
  results: LearnerResult[];
  /** What is to be written in the end, by id. */
  created: Map<string, LearnerInput>;
  updated: Map<string, LearnerInput>;
  /** Whose stored email has gone to another one: it must be taken away before it is given. */
  givenUp: Set<string>;
}

/**
 * Takes the learners one after the other, as if each were written before the next is looked at. `known` tells who is
 * stored and is kept up to date on the way.
 */
export function judgeLearners(
  learners: readonly LearnerInput[],
  known: KnownLearners,
  { update }: { update: boolean },
): JudgedLearners {
  const created = new Map<string, LearnerInput>();
  const updated = new Map<string, LearnerInput>();
  const givenUp = new Set<string>();
  const formerOwnerOf = new Map<string, string>();

  const takeEmail = (id: string, email: string) => {
    const before = known.emailOf.get(id) ?? null;
    if (before === email) return;
    if (before !== null) {
      known.ownerOf.delete(before);
      if (!formerOwnerOf.has(before)) formerOwnerOf.set(before, id);
    }
    known.ownerOf.set(email, id);
    known.emailOf.set(id, email);
    const former = formerOwnerOf.get(email);
    if (former !== undefined && former !== id) givenUp.add(former);
  };

  const results = learners.map((learner): LearnerResult => {
    const { learner_id: id } = learner;
    const exists = known.emailOf.has(id);
    const failure = exists && !update ? duplicate(id) : emailFailure(learner, known);
    if (failure !== undefined) return failure;
    if (!exists) known.emailOf.set(id, null);
    if (learner.email !== undefined) takeEmail(id, learner.email.toLowerCase());
    const writes = exists && !created.has(id) ? updated : created;
    writes.set(id, { ...writes.get(id), ...learner });
    return done(learner, exists ? 'updated' : 'created');
  });
  return { results, created, updated, givenUp };
}

export function done(learner: LearnerInput, action: LearnerOutput['action']): LearnerResult {
  return succeeded({ learner_id: learner.learner_id, action });
}

function duplicate(id: string): LearnerResult {
  return failed(
    'duplicate_learner_id',
    `a learner with the id ${JSON.stringify(id)} exists already`,
    'learner_id',
  );
}

function emailFailure(learner: LearnerInput, known: KnownLearners): LearnerResult | undefined {
  if (learner.email === undefined) return undefined;
  const owner = known.ownerOf.get(learner.email.toLowerCase());
  if (owner === undefined || owner === learner.learner_id) return undefined;
  return failed('email_taken', `the email ${learner.email} is another learner’s`, 'email');
}
