import type { OperationLimits } from '../../core/limits.ts';
import type { HttpDefinition } from './definition-schema.ts';

const TIMEOUT_SECONDS = 30;
/** So that a request’s own end comes first, which tells what it was waiting for. */
const GRACE_SECONDS = 5;
const CONCURRENCY = 10;
/** Records of a chunk wait for each other: not for long with any server. */
const CHUNK_RECORDS = 500;
const BREAKER = { failures: 10, seconds: 30 };

export function timeoutSecondsOf({
  timeout_seconds = TIMEOUT_SECONDS,
}: Pick<HttpDefinition, 'timeout_seconds'>): number {
  return timeout_seconds;
}

export function limitsOf(definition: HttpDefinition): OperationLimits {
  const { rate, attempts } = definition;
  return {
    chunkRecords: definition.chunk_records ?? CHUNK_RECORDS,
    callRecords: 1,
    concurrency: definition.concurrency ?? CONCURRENCY,
    timeoutSeconds: timeoutSecondsOf(definition) + GRACE_SECONDS,
    breaker: definition.breaker ?? BREAKER,
    ...(attempts !== undefined && { attempts }),
    ...(rate !== undefined && { rate: { ...rate, per: rate.per ?? 'operation' } }),
  };
}
