import { v5 as uuidv5 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { packSources, type Source, unpackSources } from '../../src/core/sources.ts';
import { idempotencyKeyOf } from '../../src/engine/idempotency-key.ts';

const A = '0199f3a1-22d0-7c6f-8f0e-5b1d9a4c7e20';
const B = '0199f3a1-22d0-7c6f-8f0e-5b1d9a4c7e21';
const of = (batch: string, record: number, generation = 0): Source => ({ batch, record, generation });

describe('the sources of a chunk', () => {
  it('come back as they were, each run of records as four numbers', () => {
    const sources = [of(A, 3), of(A, 4), of(A, 6), of(A, 7, 1), of(A, 8, 1), of(B, 9, 1), of(A, 2)];
    const packed = packSources(sources);
    expect(packed).toEqual({
      origins: [A, B],
      runs: [3, 2, 0, 0, 6, 1, 0, 0, 7, 2, 1, 0, 9, 1, 1, 1, 2, 1, 0, 0],
    });
    expect(unpackSources(packed)).toEqual(sources);
  });

  it('may be none', () => {
    expect(unpackSources(packSources([]))).toEqual([]);
  });
});

describe('the key of a record', () => {
  it('is that of its first batch, until an answer was definite', () => {
    expect(idempotencyKeyOf(of(A, 7))).toBe(uuidv5('7', A));
    expect(idempotencyKeyOf(of(A, 7, 1))).not.toBe(uuidv5('7', A));
    expect(idempotencyKeyOf(of(A, 7, 1))).not.toBe(idempotencyKeyOf(of(A, 71)));
  });
});
