import type { TransactionSql } from '../../core/sql.ts';
import type { Counts } from './counts.ts';
import type { StoredExam } from './exam-store.ts';

/** What is known of an attempt that is to have a score. */
export interface Graded {
  exam: StoredExam;
  counts: Counts | null;
  /** Given by whoever graded it, in place of what the counts come to. */
  score: number | null;
}

/** Decimal numbers as text. `null`: what the exam gives is not known, or nothing. */
export interface Score {
  score: string;
  most: string | null;
  percentage: string | null;
}

/** Farther down no percentage is kept: it says no more than that wrong answers cost a hundred times what right ones give. */
const LOWEST_PERCENTAGE = '-9999.99';

/** Computes scores with the decimal numbers of the database, in which nothing is rounded but the percentage. */
export async function computeScores(sql: TransactionSql, graded: readonly Graded[]): Promise<Score[]> {
  if (graded.length === 0) return [];
  const count = (name: keyof Counts) => graded.map(({ counts }) => counts?.[name] ?? null);
  const ofExam = (name: 'mark' | 'negative' | 'most') => graded.map(({ exam }) => exam[name]);
  return await sql<Score>`
    select s.score::text, s.most::text,
      case when s.most > 0 then greatest(round(s.score * 100 / s.most, 2), ${LOWEST_PERCENTAGE}::numeric)::text end
        as percentage
    from unnest(${count('correct')}::int[], ${count('incorrect')}::int[], ${count('unanswered')}::int[],
      ${graded.map(({ score }) => score?.toString() ?? null)}::text[]::numeric[],
      ${ofExam('mark')}::text[]::numeric[], ${ofExam('negative')}::text[]::numeric[],
      ${ofExam('most')}::text[]::numeric[]) with ordinality
      as v(correct, incorrect, unanswered, score, mark, negative, most, place)
    cross join lateral (
      select coalesce(v.score, v.correct * v.mark - v.incorrect * v.negative) as score,
        coalesce(v.most, (v.correct + v.incorrect + v.unanswered) * v.mark) as most) s
    order by v.place`;
}
