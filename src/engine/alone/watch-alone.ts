import { PermanentFault, RetryableFault } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { HeldLease } from '../lease-keeper.ts';
import type { RunAlone } from '../ports/alone.ts';
import type { BatchClaim, ChunkClaim } from '../ports/claims.ts';
import type { WorkStore } from '../ports/work-store.ts';
import type { EngineSettings } from '../settings.ts';
import type { Pause } from '../settle-chunk.ts';

export interface WatchAlone {
  work: Pick<WorkStore, 'noteCrash'>;
  settings: Pick<EngineSettings, 'maxCrashes'>;
  log: Log;
}

/**
 * Has what is suspect done in a process of its own, and looks on. If that process ends, it is known at which records it
 * was: they are tried again in parts, which costs no attempt. What cannot be blamed on records costs one.
 * @throws {RetryableFault} after a crash @throws {PermanentFault} retries_exhausted: too many records crash it
 */
export async function watchAlone(
  engine: WatchAlone,
  runAlone: RunAlone,
  claim: BatchClaim | ChunkClaim,
  lease: HeldLease,
): Promise<Pause | null> {
  const end = await runAlone(claim, lease);
  if ('paused' in end) return end.paused;
  // Whoever was told to stop, or has lost its lease, is not to be blamed for its end.
  lease.signal.throwIfAborted();

  const { crashed: how, span } = end;
  const isChunk = claim.kind === 'chunk';
  const about = { batch: claim.batchId, ...(isChunk && { chunk: claim.range.number }), span, how };
  engine.log.warn(about, 'work that runs alone has crashed its process');
  const givenUp = isChunk ? await engine.work.noteCrash(claim, span) : null;
  if (givenUp === null) throw new RetryableFault(`its process ended: ${how}`);
  if (givenUp.length >= engine.settings.maxCrashes) {
    const message = `${givenUp.length} records of chunk ${isChunk ? claim.range.number : ''} have crashed their process`;
    throw new PermanentFault('retries_exhausted', message);
  }
  throw new RetryableFault('records are tried in smaller spans', { free: true });
}
