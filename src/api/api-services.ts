import type { FastifyBaseLogger } from 'fastify';
import type { OperationRegistry } from '../core/operation.ts';
import type { Authenticator } from '../engine/authenticate.ts';
import type { Gate } from '../engine/gate.ts';
import type { LimitStore } from '../engine/ports/limit-store.ts';
import type { ObjectStore } from '../engine/ports/object-store.ts';
import type { ReadTransaction } from '../engine/ports/read-transaction.ts';
import type { BatchStore, IdempotencyStore, UploadStore } from '../engine/ports/request-stores.ts';
import type { SingleCalls } from '../engine/ports/single-calls.ts';
import type { WorkQueue } from '../engine/ports/work-queue.ts';
import type { EngineSettings } from '../engine/settings.ts';
import type { TrainingReads } from '../operations/training/reads/training-reads.ts';
import type { FeedLimits } from './open-feeds.ts';

/** What the routes work with; made by the composition root. */
export interface ApiServices {
  authenticator: Authenticator;
  operations: OperationRegistry;
  uploads: UploadStore;
  batches: BatchStore;
  idempotency: IdempotencyStore;
  calls: SingleCalls;
  gate: Gate;
  limits: LimitStore;
  reads: ReadTransaction;
  objects: ObjectStore;
  queue: WorkQueue;
  training: TrainingReads;
  settings: EngineSettings;
  log: FastifyBaseLogger;
  /** Checks what requests need (database, object store); each entry null = fine, or what is wrong. */
  health(): Promise<Record<string, string | null>>;
  /** Largest body of a request in bytes; 1 MiB when left out. */
  bodyLimit?: number;
  /** Other limits of event streams than those that they have (open-feeds.ts). */
  feeds?: Partial<FeedLimits>;
}
