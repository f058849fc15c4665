import type { Config } from './config.ts';
import { readServices } from './embedded/services-file.ts';
import { s3Setting } from './embedded-services.ts';
import type { Locations } from './services.ts';

/**
 * Where the database is, for what needs nothing else: found as all the parts are.
 * @throws {Error} that says what to set or to start
 */
export async function locateDatabase(config: Config): Promise<string> {
  const databaseUrl = config.DATABASE_URL ?? (await readServices(config.SHEAF_DATA_DIR))?.database_url;
  if (databaseUrl === undefined) throw nowhere('DATABASE_URL', config);
  return databaseUrl;
}

/**
 * Where the parts are for a process that starts none itself (`npm run api`, `npm run worker`, `npm run migrate`): the
 * settings say so, or a running `npm start` has written it to the data directory.
 * @throws {Error} that says what to set or to start
 */
export async function locateServices(config: Config): Promise<Locations> {
  const named = { databaseUrl: config.DATABASE_URL, s3: s3Setting(config), redisUrl: config.REDIS_URL };
  if (named.databaseUrl !== undefined && named.s3 !== undefined) return named as Locations;

  const running = await readServices(config.SHEAF_DATA_DIR);
  const s3 = running?.s3;
  const databaseUrl = named.databaseUrl ?? running?.database_url;
  const store =
    named.s3 ??
    (s3 && {
      endpoint: s3.endpoint,
      region: s3.region,
      bucket: s3.bucket,
      credentials: { accessKeyId: s3.access_key_id, secretAccessKey: s3.secret_access_key },
      ...(config.S3_PUBLIC_ENDPOINT !== undefined && { publicEndpoint: config.S3_PUBLIC_ENDPOINT }),
    });
  const redisUrl = named.redisUrl ?? running?.redis_url;
  if (databaseUrl === undefined || store === undefined) {
    throw nowhere(databaseUrl === undefined ? 'DATABASE_URL' : 'S3_ENDPOINT', config);
  }
  return { databaseUrl, s3: store, ...(redisUrl !== undefined && { redisUrl }) };
}

function nowhere(missing: string, { SHEAF_DATA_DIR: directory }: Config): Error {
  return new Error(`${missing} is not set, and nothing runs on ${directory}: set it, or run npm start`);
}
