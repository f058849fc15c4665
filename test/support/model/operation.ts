import { Type } from 'typebox';
import { defineOperation, type Operation } from '../../../src/core/operation.ts';
import { failed, succeeded } from '../../../src/core/result.ts';
import type { TestSheaf } from '../sheaf.ts';

/** Longer than the schema allows. */
export const TOO_LONG = 'x'.repeat(21);

/**
 * Where the handler writes. Nothing is unique in it: what is done twice is there twice, and no two transactions wait
 * for each other.
 */
export async function createWrittenTable(sql: TestSheaf['sql']): Promise<void> {
  await sql`create table written (batch_id uuid not null, record bigint not null)`;
}

/** What is told of a call of the handler. */
export interface CallListener {
  begun(batchId: string, records: readonly number[]): Promise<void>;
  /** Its writes are made, and nothing is answered yet. */
  written(): Promise<void>;
}

/**
 * Notes every record that it does, in its transaction. It fails the records named `bad`, and cannot do a chunk with one
 * named `poison`.
 */
export function notingOperation(listener?: CallListener): Operation {
  return defineOperation({
    name: 'note',
    version: 1,
    title: 'Note',
    description: 'Notes that a record was done.',
    input: Type.Object({ id: Type.String({ maxLength: 20 }) }, { additionalProperties: false }),
    output: Type.Object({ id: Type.String() }, { additionalProperties: false }),
    settings: Type.Object({}, { additionalProperties: false }),
    failures: { refused: 'The record is bad' },
    run: async (records, { batchId, sql }) => {
      if (batchId === null) throw new Error('the model has no single calls');
      const numbers = records.map((record) => record.number);
      await listener?.begun(batchId, numbers);
      const done = records.filter((record) => record.input.id !== 'bad').map((record) => record.number);
      await sql`
        insert into written (batch_id, record) select ${batchId}::uuid, n from unnest(${done}::bigint[]) as v(n)`;
      if (records.some((record) => record.input.id === 'poison')) throw new Error('cannot do poison');
      await listener?.written();
      return records.map(({ input }) =>
        input.id === 'bad' ? failed('refused', 'is bad', 'id') : succeeded({ id: input.id }),
      );
    },
  });
}
