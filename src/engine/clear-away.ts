import type { Log } from '../core/log.ts';
import { everyStep } from './every-step.ts';
import { type MeasureUploads, measureUploads } from './measure-uploads.ts';
import type { LimitStore } from './ports/limit-store.ts';
import type { SessionStore, SignInThrottle } from './ports/session-store.ts';
import type { AnswerSweep, UploadSweep } from './ports/sweep-stores.ts';
import type { SigningKeyStore } from './ports/tokens.ts';
import { type RemoveUploads, removeUploads } from './remove-uploads.ts';
import { type TidyBatches, tidyBatches } from './tidy-batches.ts';

export interface ClearAway {
  uploads: UploadSweep;
  objects: RemoveUploads['objects'] & MeasureUploads['objects'] & TidyBatches['objects'];
  keeping: TidyBatches['keeping'];
  tidying: TidyBatches['tidying'];
  idempotency: AnswerSweep;
  limits: Pick<LimitStore, 'forgetUnused'>;
  sessions: Pick<SessionStore, 'forgetOld'>;
  throttle: Pick<SignInThrottle, 'forgetOld'>;
  signingKeys: Pick<SigningKeyStore, 'forgetOld'>;
  settings: TidyBatches['settings'];
  log: Log;
}

/** Of each kind of row that is forgotten at once: old answers, limits, sessions and so on. */
const MOST_FORGOTTEN = 1000;

/**
 * The half of the sweep for which nobody waits: removes what is not needed any more, and counts what is stored. It goes as
 * slowly as the object store, so it runs beside the half that gets work going again (sweep.ts), never before it.
 * @param stop ends it where it is: it holds nothing, and another worker goes on
 */
export async function clearAway(engine: ClearAway, stop?: AbortSignal): Promise<void> {
  const steps = {
    'remove uploads': () => removeUploads(engine, stop),
    'measure uploads': () => measureUploads(engine, stop),
    'tidy up': () => tidyBatches(engine, stop),
    'forget old answers': () => engine.idempotency.forgetOld(MOST_FORGOTTEN),
    'forget unused limits': () => engine.limits.forgetUnused(MOST_FORGOTTEN),
    'forget old sessions': () => engine.sessions.forgetOld(MOST_FORGOTTEN),
    'forget old attempts to sign in': () => engine.throttle.forgetOld(MOST_FORGOTTEN),
    'forget old signing keys': () => engine.signingKeys.forgetOld(MOST_FORGOTTEN),
  };
  await everyStep(engine.log, steps, stop);
}
