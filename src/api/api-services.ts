import type { FastifyBaseLogger } from 'fastify';
import type { AccountServices } from '../account-services.ts';
import type { OperationRegistry } from '../core/operation.ts';
import type { Authenticator } from '../engine/authenticate.ts';
import type { Gate } from '../engine/gate.ts';
import type { Actor } from '../engine/ports/actor.ts';
import type { AdminStores } from '../engine/ports/admin-store.ts';
import type { AuditLog } from '../engine/ports/audit-log.ts';
import type { LimitStore } from '../engine/ports/limit-store.ts';
import type { ObjectStore } from '../engine/ports/object-store.ts';
import type { RequestRates } from '../engine/ports/request-rates.ts';
import type { WorkQueue } from '../engine/ports/work-queue.ts';
import type { EngineSettings } from '../engine/settings.ts';
import type { SignInServices } from '../sign-in-services.ts';
import type { EdgeSettings } from './edge-settings.ts';
import type { FeedLimits } from './open-feeds.ts';

/**
 * What the routes work with; made by the composition root. What is an account's they get from `account` alone, which is
 * called in account-of.ts with whoever calls.
 */
export interface ApiServices extends SignInServices {
  authenticator: Authenticator;
  operations: OperationRegistry;
  account(actor: Actor): AccountServices;
  audit: AuditLog;
  /** Of all accounts: only the routes under `/admin` use it. */
  admin: AdminStores;
  gate: Gate;
  limits: LimitStore;
  requestRates: RequestRates;
  objects: ObjectStore;
  queue: WorkQueue;
  settings: EngineSettings;
  log: FastifyBaseLogger;
  /** Checks what requests need (database, object store); each entry null = fine, or what is wrong. */
  health(): Promise<Record<string, string | null>>;
  /** Largest body of a request in bytes; 1 MiB when left out. */
  bodyLimit?: number;
  /** Other limits of event streams than those that they have (open-feeds.ts). */
  feeds?: Partial<FeedLimits>;
  /** How it meets the network: alone, and with pages of its own only, when left out. */
  edge?: Partial<EdgeSettings>;
}
