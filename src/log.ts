import { destination, type Logger, pino } from 'pino';
import type { Config } from './config.ts';

/** Of lines that could not be written; what comes on top of them is dropped. */
const MOST_HELD_BYTES = 1024 * 1024;

/** JSON lines on standard error: standard output belongs to what a person reads. */
export function openLog(config: Config): Logger {
  const output = destination({ dest: 2, sync: true, maxLength: MOST_HELD_BYTES });
  // A disk that is full must not end what logs to it. Lines are written when there is room again.
  output.on('error', () => undefined);
  return pino(
    {
      level: config.SHEAF_LOG_LEVEL,
      redact: ['req.headers.authorization', '*.password', '*.secretAccessKey'],
    },
    output,
  );
}
