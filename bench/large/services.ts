import { closeAll } from '../../src/close-all.ts';
import { environment, readConfig } from '../../src/config.ts';
import { openDataDirectory } from '../../src/embedded/data-directory.ts';
import { writeServices } from '../../src/embedded/services-file.ts';
import { startEmbedded } from '../../src/embedded-services.ts';
import { openLog } from '../../src/log.ts';
import { runUntilStopped } from '../../src/run-until-stopped.ts';
import { migrate } from '../../src/services.ts';

/** The embedded PostgreSQL and S3 server without an API and workers: those run beside it, as on machines of their own. */
await runUntilStopped(async () => {
  const config = readConfig(environment());
  const directory = await openDataDirectory(config.SHEAF_DATA_DIR);
  const embedded = await startEmbedded(config, directory, openLog(config));
  const { databaseUrl, s3 } = embedded.locations;
  await migrate(embedded.locations);
  await writeServices(directory.path, {
    pid: process.pid,
    started_ts: Date.now() / 1000,
    database_url: databaseUrl,
    s3: {
      endpoint: s3.endpoint!,
      region: s3.region,
      bucket: s3.bucket,
      access_key_id: s3.credentials!.accessKeyId,
      secret_access_key: s3.credentials!.secretAccessKey,
    },
  });
  process.stdout.write('The services are up\n');
  return { close: () => closeAll([() => embedded.close(), () => directory.close()]) };
});
