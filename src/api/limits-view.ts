import type { AccountLimits } from '../core/account-limits.ts';
import type { AccountLimitsView } from './schemas/account-limits.ts';

/** Field by field, so that what the engine adds for itself is not shown by accident. */
export function limitsView(limits: AccountLimits): AccountLimitsView {
  const { fileBytes, records, batches, storedBytes, uploadSeconds, keepSeconds } = limits;
  const { workerWeight, chunks, requests } = limits;
  return {
    file_bytes: fileBytes,
    records,
    batches,
    stored_bytes: storedBytes,
    upload_seconds: uploadSeconds,
    keep_seconds: keepSeconds,
    worker_weight: workerWeight,
    chunks,
    requests: Object.fromEntries(
      Object.entries(requests).map(([action, { perMinute, lockSeconds }]) => [
        action,
        { per_minute: perMinute, lock_seconds: lockSeconds },
      ]),
    ),
  };
}
