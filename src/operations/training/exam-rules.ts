import { failed } from '../../core/result.ts';

/** What an exam would be once a record is written, as far as its parts have to go together. */
export interface ExamParts {
  /** As `sortableMoments` has them. */
  starts: string | null;
  ends: string | null;
  allowRetake: boolean;
  maxRetakes: number | null;
}

export const EXAM_FAILURES = {
  ends_before_start: 'end_date is before start_date',
  max_retakes_without_retake: 'max_retakes says something only where allow_retake is true',
};

/**
 * Which rule the parts break; `undefined`: none.
 * @param given what the record says of them, which is what its failure is about
 */
export function examFailure(
  { starts, ends, allowRetake, maxRetakes }: ExamParts,
  given: { start_date?: string; end_date?: string },
) {
  if (starts !== null && ends !== null && ends < starts) {
    const message = `the exam would end at ${shown(ends)}, before it starts at ${shown(starts)}`;
    const field = given.end_date === undefined ? 'start_date' : 'end_date';
    return failed<never>('ends_before_start', message, field);
  }
  if (maxRetakes !== null && !allowRetake) {
    const message = `max_retakes is "${maxRetakes}", but allow_retake is not true`;
    return failed<never>('max_retakes_without_retake', message, 'max_retakes');
  }
  return undefined;
}

/** A sortable moment for people: without a fraction that is zero. */
export function shown(moment: string): string {
  return moment.replace(/\.?0+Z$/, 'Z');
}
