import type { BatchReasonCode } from '../src/core/errors.ts';
import { LeaseLost, PermanentFault, RetryableFault } from '../src/core/errors.ts';
import type { RecordSpan } from '../src/core/probes.ts';
import type { BatchClaim, ChunkClaim } from '../src/engine/ports/claims.ts';
import type { Pause } from '../src/engine/settle-chunk.ts';
import type { Locations } from '../src/services.ts';

/** What a worker and the process in which it has suspect work done say to each other. */

export interface WorkAlone {
  claim: BatchClaim | ChunkClaim;
  locations: Locations;
}

export type ToAlone =
  | { work: WorkAlone }
  /** The lease is still held. */
  | { held: true }
  /** It is lost, or the worker has to go: the work is to end. */
  | { stop: true };

export type FromAlone =
  /** It lives; `done` is how far it is, `alive` whether there was a sign of progress that is not shown. */
  | { beat: true; done?: number; alive?: true }
  | { begins: RecordSpan | null }
  | { ended: { paused: Pause | null } }
  | { failed: ToldFault };

/** How often each says that it is there: often enough that a few may be late within a lease. */
export function beatMsOf(leaseMs: number): number {
  return Math.min(1000, leaseMs / 8);
}

interface ToldFault {
  kind: 'lost' | 'retryable' | 'permanent' | 'unexpected';
  message: string;
  stack: string | undefined;
  code?: BatchReasonCode;
  free?: boolean;
  away?: boolean;
}

export function tellFault(error: unknown): ToldFault {
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? error.stack : undefined;
  const told = { message, stack };
  if (error instanceof LeaseLost) return { kind: 'lost', ...told };
  if (error instanceof RetryableFault)
    return { kind: 'retryable', ...told, free: error.free, away: error.away };
  if (error instanceof PermanentFault) return { kind: 'permanent', ...told, code: error.code };
  return { kind: 'unexpected', ...told };
}

/** The same fault on this side, with where it was thrown on the other. */
export function heardFault({ kind, message, stack, code, free = false, away = false }: ToldFault): Error {
  const error =
    kind === 'lost'
      ? new LeaseLost('the work that ran alone')
      : kind === 'retryable'
        ? new RetryableFault(message, { free, away })
        : kind === 'permanent' && code !== undefined
          ? new PermanentFault(code, message)
          : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
