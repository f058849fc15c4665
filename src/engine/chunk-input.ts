import type { RecordFault } from '../core/chunk.ts';
import { FILE_ERRORS, RECORD_ERRORS } from '../core/errors.ts';
import type { Operation } from '../core/operation.ts';
import type { RecordSpan } from '../core/probes.ts';
import { RecordReader } from '../core/record.ts';
import type { CoercionCounts } from '../core/tally.ts';
import { customIdReader } from '../formats/custom-id.ts';
import type { Row } from '../formats/parse-chunk.ts';
import type { CheckedRecord } from './checked-record.ts';
import { checkCustomIds } from './custom-ids.ts';
import type { ChunkClaim } from './ports/claims.ts';
import { applyCorrections } from './retry/apply-corrections.ts';

/** The records of a chunk, and by which rules their cells were coerced. */
export interface CheckedChunk {
  records: CheckedRecord[];
  coerced: CoercionCounts;
}

/** The rows of a chunk, each checked when it is first asked for: some checks do not come back. */
export class ChunkInput {
  readonly #claim: ChunkClaim;
  readonly #rows: readonly Row[];
  readonly #reader: RecordReader;
  readonly #customIdOf: ((row: Row) => string | undefined) | null;
  readonly #crashed: ReadonlySet<number>;
  readonly #checked: (CheckedRecord | undefined)[];

  constructor(claim: ChunkClaim, operation: Operation, rows: readonly Row[]) {
    this.#claim = claim;
    this.#rows = rows;
    this.#reader = new RecordReader(operation, claim.read);
    this.#customIdOf = claim.customId === null ? null : customIdReader(claim.read, claim.customId);
    this.#crashed = new Set(claim.crashed);
    this.#checked = rows.map(() => undefined);
  }

  all(): CheckedChunk {
    const { firstRecord, records } = this.#claim.range;
    return {
      records: this.of({ from: firstRecord, to: firstRecord + records - 1 }),
      coerced: this.#reader.coerced,
    };
  }

  /** The records of a span; nothing is done with any other. */
  of({ from, to }: RecordSpan): CheckedRecord[] {
    const { firstRecord } = this.#claim.range;
    const [start, end] = [from - firstRecord, to - firstRecord + 1];
    for (let index = start; index < end; index += 1) this.#checked[index] ??= this.#check(index);
    const known = this.#checked.map(
      (record, index): CheckedRecord => record ?? { number: firstRecord + index, skipped: true },
    );
    return checkCustomIds(this.#claim, applyCorrections(this.#claim, known)).slice(start, end);
  }

  #check(index: number): CheckedRecord {
    const row = this.#rows[index]!;
    const number = this.#claim.range.firstRecord + index;
    if (row.fault !== undefined) return faulty(number, row.fault);
    const customId = this.#customIdOf?.(row);
    const known = customId === undefined ? { number } : { number, customId };
    if (this.#crashed.has(number)) return { ...known, errors: [WORKER_CRASHED], crashed: true };
    const { input, errors } =
      row.cells === undefined ? this.#reader.read(row) : this.#reader.read(row.cells, row.problems);
    return errors.length === 0 ? { ...known, input } : { ...known, errors };
  }
}

const WORKER_CRASHED = { code: 'worker_crashed', message: RECORD_ERRORS.worker_crashed };

function faulty(number: number, fault: RecordFault): CheckedRecord {
  const unreadable = {
    number,
    errors: [{ code: fault.code, message: fault.message }],
    unreadable: true as const,
  };
  return fault.code in FILE_ERRORS ? { ...unreadable, fileFault: fault } : unreadable;
}
