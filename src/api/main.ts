import { firstAdmin, firstAdminMade } from '../caretaking.ts';
import { environment, readConfig } from '../config.ts';
import { locateServices } from '../locate.ts';
import { openLog } from '../log.ts';
import { openOwnOperations } from '../own-operations/open-own-operations.ts';
import { runUntilStopped } from '../run-until-stopped.ts';
import { openServices } from '../services.ts';
import { startWatchdog } from '../watchdog/start-watchdog.ts';
import { edgeSettings } from './edge-settings.ts';
import { serveApi } from './serve.ts';

/** `npm run api`: only the API, on services that run elsewhere. */
await runUntilStopped(async () => {
  const config = readConfig(environment());
  const log = openLog(config);
  const watchdog = startWatchdog(config.SHEAF_BLOCKED_SECONDS, log);
  const own = await openOwnOperations(config, environment());
  const locations = await locateServices(config);
  const services = await openServices(config, locations, log, own.operations);
  const { SHEAF_ADMIN_KEY: adminKey, SHEAF_HOST: host, SHEAF_PORT: port } = config;
  const drainSeconds = config.SHEAF_DRAIN_SECONDS;
  const api = await serveApi(services, { adminKey, host, port, edge: edgeSettings(config), drainSeconds });
  const password = await firstAdmin(locations.databaseUrl, config.SHEAF_ADMIN_PASSWORD);
  if (password !== null) process.stdout.write(firstAdminMade(password));
  process.stdout.write(`Sheaf's API is up at ${api.url}\n`);
  return {
    close: async () => {
      await api.close();
      await services.close();
      await own.close();
      await watchdog.stop();
    },
  };
});
