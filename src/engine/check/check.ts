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
  /** What was stored more recently is left alone. */
  marginSeconds: number;
  /** Breaks it off, between two things; whatever was done is told. */
  signal?: AbortSignal;
}

/** One run of it. */
export interface Check extends CheckObjects, CheckOptions {
  summary: CheckSummary;
  tell: (finding: Finding) => void;
}
