import type { FinalResult } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { cohortId, type NamedCohort, nameKey, namesDiffer, namingFailure, notFound } from './cohort-name.ts';

/** A cohort as it is stored; it stays so until the transaction ends, but for what the transaction itself does. */
export interface LockedCohort {
  id: string;
  course: string;
  name: string;
  status: 'draft' | 'published';
  quota: number | null;
  enrolled: number;
  /** In seconds. */
  starts: number | null;
  ends: number | null;
}

/** The cohorts that some records name. Whoever takes the records one after the other keeps it up to date. */
export class LockedCohorts {
  readonly #byId = new Map<string, LockedCohort>();
  readonly #byName = new Map<string, LockedCohort>();

  constructor(cohorts: readonly LockedCohort[]) {
    for (const cohort of cohorts) {
      this.#byId.set(cohort.id, cohort);
      this.#byName.set(nameKey(cohort.course, cohort.name), cohort);
    }
  }

  /** The cohort that a record names, or why there is none. */
  find(named: NamedCohort): { cohort: LockedCohort } | { failure: FinalResult<never> } {
    const unnamed = namingFailure(named);
    if (unnamed !== undefined) return { failure: unnamed };
    const { cohort_id: id, course = '', cohort: name = '' } = named;
    const cohort = id === undefined ? this.#byName.get(nameKey(course, name)) : this.#byId.get(cohortId(id));
    if (cohort === undefined) return { failure: notFound(named) };
    const differs = namesDiffer(named, cohort);
    return differs === undefined ? { cohort } : { failure: differs };
  }

  byId(id: string): LockedCohort | undefined {
    return this.#byId.get(cohortId(id));
  }

  byName(course: string, name: string): LockedCohort | undefined {
    return this.#byName.get(nameKey(course, name));
  }

  rename(cohort: LockedCohort, name: string): void {
    this.#byName.delete(nameKey(cohort.course, cohort.name));
    cohort.name = name;
    this.#byName.set(nameKey(cohort.course, name), cohort);
  }

  remove(cohort: LockedCohort): void {
    this.#byId.delete(cohort.id);
    this.#byName.delete(nameKey(cohort.course, cohort.name));
  }
}

/**
 * Finds the cohorts that the records name, in one statement, and locks them in the order of their ids: everybody does,
 * so that two never wait crosswise. What it answers is as it was once the locks were held. A cohort that was renamed
 * while it was waited for is known by its new name alone.
 */
export async function lockCohorts(
  sql: TransactionSql,
  accountId: string,
  records: readonly { input: NamedCohort }[],
): Promise<LockedCohorts> {
  const ids = new Set<string>();
  const names = new Map<string, { course: string; name: string }>();
  for (const { input } of records) {
    const { cohort_id: id, course, cohort: name } = input;
    if (id !== undefined) ids.add(cohortId(id));
    else if (course !== undefined && name !== undefined) names.set(nameKey(course, name), { course, name });
  }
  if (ids.size + names.size === 0) return new LockedCohorts([]);
  const named = [...names.values()];
  const rows = await sql<LockedCohort>`
    select c.id, c.course, c.name, c.status, c.quota, c.enrolled,
      extract(epoch from c.starts_at)::float8 as starts, extract(epoch from c.ends_at)::float8 as ends
    from (
      select unnest(${[...ids]}::text[]::uuid[]) as id
      union
      select (
        select n.id from cohorts n
        where n.account_id = ${accountId}::uuid and n.course = v.course and n.name = v.name)
      from unnest(${named.map(({ course }) => course)}::text[], ${named.map(({ name }) => name)}::text[])
        as v(course, name)
      order by id) k
    cross join lateral (
      select * from cohorts c where c.account_id = ${accountId}::uuid and c.id = k.id for update) c`;
  return new LockedCohorts(rows);
}
