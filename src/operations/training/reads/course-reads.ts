import type { TransactionSql } from '../../../core/sql.ts';
import { type ListPage, offsetOf, type PageRequest } from './page.ts';

/** A course: what cohorts are taught and exams are about. It is known by them alone. */
export interface ShownCourse {
  course: string;
  cohorts: number;
  exams: number;
  /** Enrolments in its cohorts; a learner of two of them counts twice. */
  enrolled: number;
}

export interface CourseReads {
  /** By name. */
  list(page: PageRequest): Promise<ListPage<ShownCourse>>;
}

export function courseReads(sql: TransactionSql, accountId: string): CourseReads {
  return { list: (page) => listCourses(sql, accountId, page) };
}

async function listCourses(
  sql: TransactionSql,
  accountId: string,
  page: PageRequest,
): Promise<ListPage<ShownCourse>> {
  const [courses] = await sql<{ count: number }>`
    select count(*)::float8 as count from (
      select course from cohorts where account_id = ${accountId}::uuid
      union select course from exams where account_id = ${accountId}::uuid) c`;
  const results = await sql<ShownCourse>`
    select course, sum(cohorts)::float8 as cohorts, sum(exams)::float8 as exams, sum(enrolled)::float8 as enrolled
    from (
      select course, count(*) as cohorts, 0 as exams, sum(enrolled) as enrolled
      from cohorts where account_id = ${accountId}::uuid group by course
      union all
      select course, 0, count(*), 0 from exams where account_id = ${accountId}::uuid group by course) c
    group by course order by course limit ${page.perPage}::int offset ${offsetOf(page)}::bigint`;
  return { count: courses?.count ?? 0, results };
}
