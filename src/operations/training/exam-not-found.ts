import { failed } from '../../core/result.ts';

export function examNotFound(slug: string, field: string) {
  return failed<never>('exam_not_found', `there is no exam with the slug "${slug}"`, field);
}
