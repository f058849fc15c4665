import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { closeAll } from './close-all.ts';
import type { Config } from './config.ts';
import type { DataDirectory } from './embedded/data-directory.ts';
import { rememberedPorts, rememberPorts } from './embedded/ports.ts';
import { startEmbeddedPostgres } from './embedded/postgres/launch.ts';
import { startS3Server } from './embedded/s3/server.ts';
import type { Locations } from './services.ts';

export interface EmbeddedServices {
  locations: Locations;
  /** Resolves when an embedded part ends by itself. */
  exited: Promise<Error>;
  /** Stops them, PostgreSQL last. */
  close(): Promise<void>;
}

/**
 * Starts what the settings do not name: PostgreSQL, an S3 server, or both. Their ports stay the same over restarts
 * where they can: an S3 address is part of every presigned URL.
 */
export async function startEmbedded(
  config: Config,
  directory: DataDirectory,
  log: Logger,
): Promise<EmbeddedServices> {
  const ports = await rememberedPorts(directory.path);
  const closers: (() => Promise<void>)[] = [];
  const close = () => closeAll(closers.splice(0).reverse());
  try {
    let exited = new Promise<Error>(() => undefined);
    let databaseUrl = config.DATABASE_URL;
    if (databaseUrl === undefined) {
      const password = await directory.secret('postgres-password', newSecret);
      const postgres = await startEmbeddedPostgres({
        directory: directory.file('postgres'),
        port: ports.postgres ?? 0,
        password: password.value,
        log: (line) => log.debug({ line }, 'postgres'),
      });
      closers.push(() => postgres.close());
      ports.postgres = postgres.port;
      databaseUrl = postgres.url;
      exited = postgres.exited.then(({ code, signal }) => new Error(`PostgreSQL ended (${signal ?? code})`));
    }
    const s3 = s3Setting(config) ?? (await startEmbeddedS3(config, directory, ports, closers));
    await rememberPorts(directory.path, ports);
    const { REDIS_URL: redisUrl } = config;
    return { locations: { databaseUrl, s3, ...(redisUrl !== undefined && { redisUrl }) }, exited, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The S3 server that the settings name, if they name one. */
export function s3Setting(config: Config): Locations['s3'] | undefined {
  const { S3_ENDPOINT: endpoint, S3_PUBLIC_ENDPOINT: publicEndpoint } = config;
  if (endpoint === undefined) return undefined;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = config;
  const sessionToken = config.AWS_SESSION_TOKEN;
  return {
    endpoint,
    region: config.S3_REGION,
    bucket: config.S3_BUCKET,
    ...(publicEndpoint !== undefined && { publicEndpoint }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      }),
  };
}

async function startEmbeddedS3(
  config: Config,
  directory: DataDirectory,
  ports: Record<string, number>,
  closers: (() => Promise<void>)[],
): Promise<Locations['s3']> {
  const secret = await directory.secret('s3-secret', newSecret);
  const credentials = { accessKeyId: 'sheaf', secretAccessKey: secret.value };
  const server = await startS3Server({
    directory: directory.file('s3'),
    port: ports.s3 ?? 0,
    region: config.S3_REGION,
    credentials,
    // A page may put a file to a presigned URL, wherever the page is from: only signatures authorise here.
    corsOrigins: ['*'],
  });
  closers.push(() => server.close());
  ports.s3 = server.port;
  return {
    endpoint: server.endpoint,
    region: config.S3_REGION,
    bucket: config.S3_BUCKET,
    credentials,
    ...(config.S3_PUBLIC_ENDPOINT !== undefined && { publicEndpoint: config.S3_PUBLIC_ENDPOINT }),
  };
}

function newSecret(): string {
  return randomBytes(24).toString('base64url');
}
