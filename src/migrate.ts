import { environment, readConfig } from './config.ts';
import { locateServices } from './locate.ts';
import { migrate } from './services.ts';

/** `npm run migrate`: brings the database, the queue's tables and the bucket up to date, and ends. */
try {
  await migrate(await locateServices(readConfig(environment())));
  process.stdout.write('the database and the bucket are up to date\n');
} catch (error) {
  process.stderr.write(`sheaf: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
