import type { Sources } from '../../core/sources.ts';
import { unpackSources } from '../../core/sources.ts';
import { LF } from '../line-ends.ts';

/**
 * The result lines of a retry with the number that each record has in the first batch of its lineage, after its own: parts
 * do not have it, as they are read by their own numbers alone. Nor has a record that came in this batch first.
 *
 * @param bytes the lines of all records of a chunk, in order
 * @param batchId the batch that they are of
 */
export function withSourceRecords(bytes: Buffer, sources: Sources, batchId: string): Buffer {
  const pieces: Buffer[] = [];
  let start = 0;
  for (const { batch, record } of unpackSources(sources)) {
    const comma = bytes.indexOf(COMMA, start);
    const lf = bytes.indexOf(LF, start);
    if (comma === -1 || lf === -1 || comma > lf)
      throw new Error('there are fewer result lines than records in the chunk');
    const after = batch === batchId ? '' : `,"source_record":${record}`;
    pieces.push(bytes.subarray(start, comma), Buffer.from(after), bytes.subarray(comma, lf + 1));
    start = lf + 1;
  }
  if (start !== bytes.length) throw new Error('there are more result lines than records in the chunk');
  return Buffer.concat(pieces);
}

const COMMA = ','.charCodeAt(0);
