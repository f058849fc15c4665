import { environment, readConfig } from '../src/config.ts';
import { locateServices } from '../src/locate.ts';
import { openLog } from '../src/log.ts';
import { openOwnOperations } from '../src/own-operations/open-own-operations.ts';
import { runUntilStopped } from '../src/run-until-stopped.ts';
import { openServices } from '../src/services.ts';
import { startWatchdog } from '../src/watchdog/start-watchdog.ts';
import { startWorkers } from './start-workers.ts';

/** `npm run worker`: one worker process, on services that run elsewhere; start as many as you like. */
await runUntilStopped(async () => {
  const config = readConfig(environment());
  const log = openLog(config);
  const watchdog = startWatchdog(config.SHEAF_BLOCKED_SECONDS, log);
  const own = await openOwnOperations(config, environment());
  const locations = await locateServices(config);
  const services = await openServices(config, locations, log, own.operations);
  const workers = await startWorkers(services, config, { env: environment(), locations });
  process.stdout.write('A worker of Sheaf is up\n');
  return {
    close: async () => {
      await workers.stop();
      await services.close();
      await own.close();
      await watchdog.stop();
    },
  };
});
