import type { RecordSpan } from '../../core/probes.ts';
import type { HeldLease } from '../lease-keeper.ts';
import type { Pause } from '../settle-chunk.ts';
import type { BatchClaim, ChunkClaim } from './claims.ts';

/** How work in a process of its own came to an end. */
export type AloneEnd =
  /** As it would have here. */
  | { paused: Pause | null }
  /** The process ended before; `span` is what it was at, if it had begun with any records. */
  | { crashed: string; span: RecordSpan | null };

/**
 * Does what was claimed in a process of its own, which ends with the lease.
 * @throws whatever the work failed with there, and why the lease was lost
 */
export type RunAlone = (claim: BatchClaim | ChunkClaim, lease: HeldLease) => Promise<AloneEnd>;
