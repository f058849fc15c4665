import { describe, expect, test } from 'vitest';
import { convertedKey, inputKey, partKey, resultKey, uploadKey } from '../../src/engine/keys.ts';
import { placeOf, standingOf } from '../../src/engine/object-place.ts';
import type { ObjectOwner } from '../../src/engine/ports/keeping-store.ts';

const BATCH = '0199f3a2-0c11-7c51-8f0e-5a2d9c4b7e10';
const LEASE = '7d3e8f40-5162-4738-9495-06aa11bb22cc';
const SHA = 'ab'.repeat(32);

describe('what a key says', () => {
  const nowhere = { uploadId: null, batchId: null, number: null, lease: null };
  test.each([
    ['an upload', uploadKey(LEASE, BATCH), { uploadId: BATCH }],
    ['an input', inputKey(BATCH, LEASE), { batchId: BATCH, lease: LEASE }],
    ['a conversion', convertedKey(BATCH, LEASE), { batchId: BATCH, lease: LEASE }],
    ['a result', resultKey(BATCH, LEASE, 'all.ndjson'), { batchId: BATCH, lease: LEASE }],
    ['a part', partKey(BATCH, 'process', 12, LEASE, SHA), { batchId: BATCH, number: 12, lease: LEASE }],
    ['nothing of ours in a batch', `batches/${BATCH}/notes\n.txt`, { batchId: BATCH }],
    [
      'a part of a phase that there is not',
      `batches/${BATCH}/parts/other/1/${LEASE}/${SHA}`,
      { batchId: BATCH },
    ],
  ])('of %s', (_, key, said) => {
    expect(placeOf(key)).toEqual({ ...nowhere, key, ...said });
  });

  test.each(['uploads/x', `uploads/${LEASE}/${BATCH}/more`, 'batches/', `batches/${BATCH}`, 'other/thing'])(
    'that is none of ours: %s',
    (key) => expect(placeOf(key)).toBeNull(),
  );
});

describe('what is to become of an object', () => {
  const nobody: ObjectOwner = { known: true, named: false, held: false, swept: false };
  const part = placeOf(partKey(BATCH, 'process', 1, LEASE, SHA));
  test.each([
    ['named', { named: true }, 'kept', 'lost'],
    ['held', { held: true, swept: true }, 'kept', 'kept'],
    ['named in a batch that is removed', { named: true, swept: true }, 'kept', 'swept'],
    ['nobody’s in a batch that will be tidied up', { swept: true }, 'swept', 'swept'],
    ['nobody’s', {}, 'lost', 'lost'],
    ['of a batch that is not there', { known: false }, 'lost', 'lost'],
  ])('that is %s', (_, owner, object, upload) => {
    expect(standingOf(part, { ...nobody, ...owner })).toBe(object);
    expect(standingOf(part, { ...nobody, ...owner }, true)).toBe(upload);
  });

  test('of no form that we write: it is left alone, but for what is left of a batch that is not there', () => {
    const strange = placeOf(`batches/${BATCH}/notes.txt`);
    expect(standingOf(null, null)).toBe('strange');
    expect(standingOf(strange, { ...nobody, swept: true })).toBe('strange');
    expect(standingOf(strange, { ...nobody, known: false })).toBe('lost');
  });
});
