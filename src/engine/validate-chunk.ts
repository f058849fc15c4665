import type { OperationRegistry } from '../core/operation.ts';
import { failedLine } from '../core/result.ts';
import { summarise } from '../core/tally.ts';
import type { Trial } from './alone/trial.ts';
import { operationOf } from './bind-input.ts';
import { customIdsOf } from './custom-ids.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { ChunkSession } from './ports/chunk-session.ts';
import type { ChunkClaim } from './ports/claims.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { putPart } from './put-part.ts';
import { readChunk } from './read-chunk.ts';
import type { EngineSettings } from './settings.ts';
import { triesOfBad } from './settle-chunk.ts';

export interface ValidateChunk {
  operations: OperationRegistry;
  objects: ObjectStore;
  settings: EngineSettings;
}

/**
 * Checks every record of a chunk and keeps the bad ones as a part. Nothing is processed before all are checked.
 * @param trial of a suspect chunk
 */
export async function validateChunk(
  engine: ValidateChunk,
  session: ChunkSession,
  claim: ChunkClaim,
  lease: HeldLease,
  trial?: Trial,
): Promise<void> {
  const operation = operationOf(engine.operations, claim);
  const input = await readChunk(engine, claim, operation, lease.signal);
  for await (const span of trial?.spans() ?? []) input.of(span);
  await trial?.over();
  const { records, coerced } = input.all();
  const bad = records.flatMap((record) => (record.errors === undefined ? [] : [record]));
  const lines = bad.map((record) =>
    failedLine(record.number, record.errors, triesOfBad(record), record.customId),
  );
  const { leaseSeconds } = engine.settings;
  const part =
    lines.length === 0
      ? null
      : await putPart(engine.objects, claim, lines, { signal: lease.signal, leaseSeconds });
  const fileFault = bad.find((record) => record.fileFault !== undefined)?.fileFault ?? null;
  await session.settleValidation(claim, {
    invalid: bad.length,
    part,
    fileFault,
    customIds: customIdsOf(records),
    failures: summarise(lines),
    coerced,
  });
}
