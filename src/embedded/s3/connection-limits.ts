import type { BodyPace } from './body-pace.ts';

/** How long a client may take, and how much of it there may be. */
export interface ConnectionLimits extends BodyPace {
  /** S3 takes 8 KB of headers; a presigned URL comes on top. */
  headerBytes: number;
  /** For the headers of a request to arrive; also for a new connection to say anything. */
  headersMs: number;
  /** How often that is looked at. */
  checkMs: number;
  /** For a connection on which nothing moves: to copy or to put together what is large takes a while. */
  idleMs: number;
  keepAliveMs: number;
  connections: number;
}

const LIMITS: ConnectionLimits = {
  headerBytes: 32 * 1024,
  headersMs: 30_000,
  checkMs: 5000,
  idleMs: 300_000,
  keepAliveMs: 60_000,
  connections: 10_000,
  patienceMs: 60_000,
  leastBytesPerSecond: 1024,
};

export function connectionLimits(changed: Partial<ConnectionLimits> = {}): ConnectionLimits {
  return { ...LIMITS, ...changed };
}
