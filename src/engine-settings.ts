import type { Config } from './config.ts';
import type { EngineSettings } from './engine/settings.ts';

/** What the settings come to for use cases, in their words. */
export function engineSettings(config: Config): EngineSettings {
  return {
    chunk: { records: config.SHEAF_CHUNK_RECORDS, bytes: config.SHEAF_CHUNK_BYTES },
    recordBytes: config.SHEAF_MAX_RECORD_BYTES,
    cellBytes: config.SHEAF_MAX_CELL_BYTES,
    unpackedBytes: config.SHEAF_MAX_UNPACKED_BYTES,
    leaseSeconds: config.SHEAF_LEASE_SECONDS,
    maxAttempts: config.SHEAF_MAX_ATTEMPTS,
    maxCrashes: config.SHEAF_MAX_CRASHES,
    keepSeconds: config.SHEAF_KEEP_SECONDS,
    stepSeconds: config.SHEAF_STEP_SECONDS,
    stalledSeconds: config.SHEAF_STALLED_SECONDS,
    accountLimits: {
      fileBytes: config.SHEAF_MAX_FILE_BYTES,
      records: config.SHEAF_MAX_RECORDS,
      batches: config.SHEAF_MAX_BATCHES,
      storedBytes: config.SHEAF_MAX_STORED_BYTES,
      uploadSeconds: config.SHEAF_UPLOAD_SECONDS,
      keepSeconds: null,
      workerWeight: 1,
      chunks: null,
      requests: {
        '*': {
          perMinute: config.SHEAF_REQUESTS_PER_MINUTE,
          lockSeconds: config.SHEAF_REQUESTS_LOCK_SECONDS,
        },
      },
    },
  };
}
