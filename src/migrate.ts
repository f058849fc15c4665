import { firstAdmin, firstAdminMade } from './caretaking.ts';
import { environment, readConfig } from './config.ts';
import { locateServices } from './locate.ts';
import { migrate } from './services.ts';

/** `npm run migrate`: brings the database, the queue's tables and the bucket up to date, makes the first user, and ends. */
try {
  const config = readConfig(environment());
  const locations = await locateServices(config);
  await migrate(locations);
  process.stdout.write('the database and the bucket are up to date\n');
  const password = await firstAdmin(locations.databaseUrl, config.SHEAF_ADMIN_PASSWORD);
  if (password !== null) process.stdout.write(firstAdminMade(password));
} catch (error) {
  process.stderr.write(`sheaf: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
