import { Type } from 'typebox';
import type { OperationLimits } from '../../src/core/limits.ts';
import { defineOperation, type Operation } from '../../src/core/operation.ts';
import { failed, type RecordResult, succeeded, tryAgain } from '../../src/core/result.ts';

export interface OutsideOptions {
  name?: string;
  limits?: OperationLimits;
}

/** An operation that asks an OutsideTarget for each record, as its answers are meant. */
export function outsideOperation(url: string, { name = 'send', limits }: OutsideOptions = {}): Operation {
  return defineOperation({
    name,
    version: 1,
    title: 'Send',
    description: 'Sends each record to a server of the test.',
    effects: 'outside',
    input: Type.Object({ id: Type.String({ maxLength: 20 }) }, { additionalProperties: false }),
    output: Type.Object({ id: Type.String() }, { additionalProperties: false }),
    failures: { refused: 'The record is refused', busy: 'The server is busy' },
    ...(limits !== undefined && { limits }),
    run: async (records, context) => {
      const ask = async (record: { number: number; input: { id: string } }) => {
        const query = new URLSearchParams({ id: record.input.id });
        const response = await fetch(`${url}/?${query}`, {
          method: 'POST',
          headers: { 'idempotency-key': context.idempotencyKey(record.number) },
          signal: context.signal,
        });
        return resultOf(response.status, await response.json());
      };
      return await Promise.all(records.map(ask));
    },
  });
}

interface Body {
  code?: string;
  afterSeconds?: number;
  uncertain?: boolean;
}

function resultOf(status: number, body: unknown): RecordResult<{ id: string }> {
  const { code, ...more } = body as Body;
  if (status === 200) return succeeded(body as { id: string });
  if (status === 500) throw new Error('the server is broken');
  if (status === 422) return failed(code ?? 'refused', 'is refused', 'id');
  return tryAgain(code ?? 'busy', 'is busy', more);
}
