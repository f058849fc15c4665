import { environment, readConfig } from '../src/config.ts';
import { locateServices } from '../src/locate.ts';
import { openLog } from '../src/log.ts';
import { openOwnOperations } from '../src/own-operations/open-own-operations.ts';
import { runUntilStopped } from '../src/run-until-stopped.ts';
import { openServices } from '../src/services.ts';
import { startWorkers } from './start-workers.ts';

/** `npm run worker`: one worker process, on services that run elsewhere; start as many as you like. */
await runUntilStopped(async () => {
  const config = readConfig(environment());
  const own = await openOwnOperations(config, environment());
  const services = await openServices(config, await locateServices(config), openLog(config), own.operations);
  const workers = await startWorkers(services, config);
  process.stdout.write('A worker of Sheaf is up\n');
  return {
    close: async () => {
      await workers.stop();
      await services.close();
      await own.close();
    },
  };
});
