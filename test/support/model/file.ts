import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { TOO_LONG } from './operation.ts';
import { record } from './plain-record.ts';

/** What is to become of a record, as far as its own line decides that. */
export type RecordKind = 'good' | 'refused' | 'poison' | 'too_long' | 'unreadable';

export interface PlannedRecord {
  kind: RecordKind;
  /** In the column `ref`, which a batch may name as `custom_id`. */
  ref: string;
  /** In the column `_record` of a file that is sent back: which record it corrects; '' none. */
  corrects?: string;
}

export interface PlannedFile {
  format: 'csv' | 'ndjson';
  /** Compressed, so that it has to be converted before it can be cut. */
  gzipped: boolean;
  records: PlannedRecord[];
}

/** A record after it was checked: `invalid`, `skipped` as it was done before, `crashed`, or what the handler makes of it. */
export type Verdict = 'invalid' | 'skipped' | 'crashed' | 'good' | 'refused' | 'poison';

export const plannedFile: fc.Arbitrary<PlannedFile> = record({
  format: fc.constantFrom('csv' as const, 'ndjson' as const),
  gzipped: fc.boolean(),
  records: fc.array(
    record({
      kind: fc.oneof(
        { weight: 30, arbitrary: fc.constant<RecordKind>('good') },
        { weight: 6, arbitrary: fc.constant<RecordKind>('refused') },
        { weight: 1, arbitrary: fc.constant<RecordKind>('too_long') },
        { weight: 1, arbitrary: fc.constant<RecordKind>('unreadable') },
        { weight: 1, arbitrary: fc.constant<RecordKind>('poison') },
      ),
      ref: fc.oneof(
        { weight: 14, arbitrary: fc.integer({ min: 1, max: 99_999 }).map((n) => `u${n}`) },
        { weight: 1, arbitrary: fc.constantFrom('A', 'B', '') },
      ),
    }),
    { maxLength: 12, size: 'max' },
  ),
});

const ID_OF_KIND: Partial<Record<RecordKind, string>> = {
  refused: 'bad',
  poison: 'poison',
  too_long: TOO_LONG,
};

export function bodyOf(file: PlannedFile): Buffer {
  const text = Buffer.from(textOf(file));
  return file.gzipped ? gzipSync(text) : text;
}

function textOf({ format, records }: PlannedFile): string {
  const isCorrected = records.some(({ corrects }) => corrects !== undefined);
  const lines = records.map(({ kind, ref, corrects = '' }, index) => {
    const id = ID_OF_KIND[kind] ?? `r${index + 1}`;
    if (format === 'csv') {
      const row = kind === 'unreadable' ? `${id},${ref},one too many` : `${id},${ref}`;
      return isCorrected ? `${corrects},${row}` : row;
    }
    if (kind === 'unreadable') return `{"id": "${id}", "ref"`;
    return JSON.stringify({ ...(isCorrected && { _record: corrects }), id, ref });
  });
  const header = format === 'csv' ? [isCorrected ? '_record,id,ref' : 'id,ref'] : [];
  return `${[...header, ...lines].join('\n')}\n`;
}

/** What checking must say of each record. `null`: the file as a whole is refused. */
export function verdictsOf({ format, records }: PlannedFile, customId: string | undefined): Verdict[] | null {
  if (records.length === 0) return null;
  if (format === 'csv' && customId !== undefined && customId !== 'ref') return null;
  const seen = new Set<string>();
  return records.map(({ kind, ref }) => {
    if (kind === 'unreadable') return 'invalid';
    const id = customId === 'ref' ? ref : '';
    const idIsWrong = customId !== undefined && (id === '' || seen.has(id));
    seen.add(id);
    return idIsWrong || kind === 'too_long' ? 'invalid' : kind;
  });
}
