import type { FieldProblem } from '../core/errors.ts';

const LARGEST_METADATA = 16 * 1024;

/** What is wrong with the metadata of a batch as a whole; the form of its keys is checked at the API’s edge. */
export function metadataProblems(metadata: Record<string, unknown>): FieldProblem[] {
  const json = JSON.stringify(metadata);
  const bytes = Buffer.byteLength(json);
  const problems: FieldProblem[] = [];
  if (bytes > LARGEST_METADATA) {
    const message = `takes ${bytes} bytes as JSON; at most ${LARGEST_METADATA} are kept`;
    problems.push({ pointer: '/metadata', code: 'too_large', message });
  }
  // PostgreSQL's jsonb holds no NUL (PostgreSQL documentation, 8.14); `\\u0000` after an escaped backslash is text.
  if (json.replaceAll('\\\\', '').includes('\\u0000')) {
    problems.push({ pointer: '/metadata', code: 'nul_character', message: 'holds a NUL character' });
  }
  return problems;
}
