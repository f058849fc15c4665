import type { CheckSummary, Finding } from '../../core/findings.ts';
import type { KeepingStore } from '../ports/keeping-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';

export interface CheckObjects {
  keeping: Omit<KeepingStore, 'untidy' | 'tidied'>;
  objects: Pick<ObjectStore, 'head' | 'list' | 'unfinished' | 'abortMultipart' | 'removeListed'>;
}

export interface CheckOptions {
  /** Removes what has no owner, and makes rows tell the truth. */
  fix: boolean;
  /** Also where that is more than what stays as it is. */
  evenMost?: boolean;
  /** What was stored more recently is left alone. */
  marginSeconds: number;
  /** Breaks it off, between two things; whatever was done is told. */
  signal?: AbortSignal;
}

/** What is taken away for good: objects that are removed, batches that expire and uploads that count as empty. */
export type Taken = Record<'removed' | 'expired' | 'emptied', number>;

/** One run of it. */
export interface Check extends CheckObjects, CheckOptions {
  summary: CheckSummary;
  /** What is taken with `fix`, or would be. */
  taken: Taken;
  tell: (finding: Finding) => void;
}
