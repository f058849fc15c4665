import { destination, type Logger, pino } from 'pino';
import type { Config } from './config.ts';

/** JSON lines on standard error: standard output belongs to what a person reads. */
export function openLog(config: Config): Logger {
  return pino(
    {
      level: config.SHEAF_LOG_LEVEL,
      redact: ['req.headers.authorization', '*.password', '*.secretAccessKey'],
    },
    destination({ dest: 2, sync: true }),
  );
}
