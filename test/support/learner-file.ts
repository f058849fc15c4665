import type { ResultLine } from '../../src/core/result.ts';

/** Files for `create_learner` whose ids sort in the file's order. */

export const learnerId = (prefix: string, record: number) => `${prefix}${String(record).padStart(7, '0')}`;

/** @param isBad which records have no e-mail address that can be one, and so are invalid */
export function learnersCsv(
  prefix: string,
  records: number,
  isBad: (record: number) => boolean = () => false,
): string {
  const rows = Array.from({ length: records }, (_, index) => {
    const id = learnerId(prefix, index + 1);
    return `${id},${isBad(index + 1) ? 'nobody' : `${id}@example.org`},Name ${index + 1}`;
  });
  return `learner_id,email,given_name\n${rows.join('\n')}\n`;
}

/** What is wrong with the lines of all results, if each record is to be there once and to have taken effect once. */
export function faultsOfLines(
  lines: readonly ResultLine[],
  prefix: string,
  records: number,
  isBad: (record: number) => boolean = () => false,
): string[] {
  const faults = lines.flatMap((line, index) => faultOfLine(line, prefix, index + 1, isBad) ?? []);
  return lines.length === records ? faults : [`${lines.length} lines instead of ${records}`, ...faults];
}

/** Of the line of one record; `null`: nothing. */
export function faultOfLine(
  line: ResultLine,
  prefix: string,
  record: number,
  isBad: (record: number) => boolean,
): string | null {
  if (line.record !== record) return `line ${record} is of record ${line.record}`;
  const wrong = () => `record ${record} is ${JSON.stringify(line)}`;
  const expected = isBad(record) ? 'failed' : 'succeeded';
  if (line.status !== expected) return wrong();
  if (line.status !== 'succeeded') return null;
  const { learner_id: id, action } = line.output as { learner_id: string; action: string };
  // Created, and not found there by a second attempt whose first one had committed.
  return id === learnerId(prefix, record) && action === 'created' ? null : wrong();
}
