/** The numbers that the engine works by; `config.ts` names and documents them. */
export interface EngineSettings {
  chunk: { records: number; bytes: number };
  recordBytes: number;
  cellBytes: number;
  fileBytes: number;
  leaseSeconds: number;
  maxAttempts: number;
  uploadKeepSeconds: number;
}
