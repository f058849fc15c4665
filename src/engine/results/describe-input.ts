import { type Field, leafFields } from '../../core/field.ts';
import type { Operation } from '../../core/operation.ts';
import { csvDescription, type InputDescription, type NdjsonDescription } from '../../formats/description.ts';
import type { BatchClaim } from '../ports/claims.ts';
import type { WorkStore } from '../ports/work-store.ts';
import type { InputReader } from './input-reader.ts';

/** Of a file that is wrong as a whole: its records can be told apart, its columns have no names. */
const NO_COLUMNS = csvDescription({ bom: false, columns: [] });

/** More of empty lines and header row is no table that anybody sends again. */
const LARGEST_HEAD = 1024 * 1024;

export interface KnownInput {
  description: InputDescription;
  /** The leaf fields of the operation; none if this worker does not have it in the batch’s version. */
  fields: readonly Field[];
  /** What stands before the first record, where the description does not say it; `null` if that cannot be told. */
  head?: Buffer | null;
  /** Why it cannot, so that nobody could send the records again as they are. */
  headless?: string;
}

/** As what the input is repeated in the result files: as what it was read, or, if it was not, as it came. */
export async function describeInput(
  work: Pick<WorkStore, 'chunkLines'>,
  claim: BatchClaim,
  input: InputReader,
  operation: Operation | undefined,
): Promise<KnownInput> {
  const fields = operation === undefined ? [] : leafFields(operation.input);
  const { read } = claim;
  if (read?.format === 'ndjson' || read?.format === 'json') {
    return { description: withFields(read, fields), fields };
  }
  if (read !== null && read.columns.length > 0) return { description: read, fields };
  const description = read ?? NO_COLUMNS;
  return { description, fields, ...(await describeHead(work, claim.batchId, input, description)) };
}

/** What a file begins with whose columns are not known. */
async function describeHead(
  work: Pick<WorkStore, 'chunkLines'>,
  batchId: string,
  input: InputReader,
  { format }: InputDescription,
): Promise<Pick<KnownInput, 'head' | 'headless'>> {
  if (format !== 'csv') return { head: null, headless: 'the header row could not be read' };
  const start = await firstByte(work, batchId);
  if (start > LARGEST_HEAD) {
    return { head: null, headless: `more than ${LARGEST_HEAD} bytes stand before the first record` };
  }
  const head = await input.head(start);
  return head === null ? { head, headless: input.lost ?? 'the header row could not be read' } : { head };
}

/** A column for each field of the operation too: a table without them could not be mended and sent again. */
function withFields(description: NdjsonDescription, fields: readonly Field[]): NdjsonDescription {
  const { columns, mapping } = description;
  const pathOf = new Map(Object.entries(mapping).map(([path, field]) => [field, path]));
  const known = new Set(columns.map(({ name }) => name));
  const others = fields.flatMap(({ name: field }) => {
    // A path that is mapped to another field leads nowhere else.
    const name = pathOf.get(field) ?? (Object.hasOwn(mapping, field) ? null : field);
    return name === null || known.has(name) ? [] : [{ name, field }];
  });
  return { ...description, columns: [...columns, ...others] };
}

/** Where the first record begins; 0 when there is none. */
async function firstByte(work: Pick<WorkStore, 'chunkLines'>, batchId: string): Promise<number> {
  for await (const { range } of work.chunkLines(batchId)) return range.start;
  return 0;
}
