import type { AccountLimits } from '../core/account-limits.ts';

/** The numbers that the engine works by; `config.ts` names and documents them. */
export interface EngineSettings {
  chunk: { records: number; bytes: number };
  recordBytes: number;
  cellBytes: number;
  /** Of a compressed file, and of a workbook. */
  unpackedBytes: number;
  leaseSeconds: number;
  maxAttempts: number;
  /** How often the worker of a step may be gone before it has ended, and how many records of a chunk may crash theirs. */
  maxCrashes: number;
  /** How long a batch's objects are kept after its end, where neither the request nor its account says. */
  keepSeconds: number;
  /** After how long a step that shows no progress is given up, and tried again. */
  stepSeconds: number;
  /** After how long a batch that nobody does anything for is failed. */
  stalledSeconds: number;
  /** What an account may take for which an admin has set nothing else. */
  accountLimits: AccountLimits;
}
