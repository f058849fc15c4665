import { leafFields } from '../../core/field.ts';
import type { Operation } from '../../core/operation.ts';
import { csvDescription, type InputDescription, type NdjsonDescription } from '../../formats/description.ts';
import type { BatchClaim, WorkStore } from '../ports/work-store.ts';
import type { InputReader } from './input-reader.ts';

/** Of a CSV file that is wrong as a whole: its records can be told apart, its columns have no names. */
const NO_COLUMNS = csvDescription({ bom: false, columns: [] });

/** More of empty lines and header row is no table that anybody sends again. */
const LARGEST_HEAD = 1024 * 1024;

export interface KnownInput {
  description: InputDescription;
  /** What stands before the first record, where the description does not say it. */
  head?: Buffer;
  /** Why that cannot be told, so that nobody could send the records again as they are. */
  headless?: string;
}

/** As what the input is repeated in the result files: as what it was read, or, if it was not, as it came. */
export async function describeInput(
  work: Pick<WorkStore, 'chunkLines'>,
  claim: BatchClaim,
  input: InputReader,
  operation: Operation | undefined,
): Promise<KnownInput> {
  if (claim.read?.format === 'ndjson') {
    return { description: operation === undefined ? claim.read : withFields(claim.read, operation) };
  }
  if (claim.read !== null) return { description: claim.read };
  const start = await firstByte(work, claim.batchId);
  if (start > LARGEST_HEAD) {
    return {
      description: NO_COLUMNS,
      headless: `more than ${LARGEST_HEAD} bytes stand before the first record`,
    };
  }
  const head = await input.head(start);
  return head === null
    ? { description: NO_COLUMNS, headless: input.lost ?? 'the header row could not be read' }
    : { description: NO_COLUMNS, head };
}

/** A column for each field of the operation too: a table without them could not be mended and sent again. */
function withFields(description: NdjsonDescription, operation: Operation): NdjsonDescription {
  const { columns, mapping } = description;
  const pathOf = new Map(Object.entries(mapping).map(([path, field]) => [field, path]));
  const known = new Set(columns.map(({ name }) => name));
  const others = leafFields(operation.input).flatMap(({ name: field }) => {
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
