import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { closeAll } from './close-all.ts';
import type { Config } from './config.ts';
import type { DataDirectory } from './embedded/data-directory.ts';
import { freeBytes } from './embedded/free-bytes.ts';
import { rememberedPorts, rememberPorts } from './embedded/ports.ts';
import { keepPostgresUp } from './embedded/postgres/kept-up.ts';
import { startS3Server } from './embedded/s3/server.ts';
import type { Locations } from './services.ts';

export interface EmbeddedServices {
  locations: Locations;
  /** What is wrong with the disk that they share; `null`: nothing. */
  health(): Promise<Record<string, string | null>>;
  /** Stops them, PostgreSQL last. */
  close(): Promise<void>;
}

/**
 * Starts what the settings do not name: PostgreSQL, an S3 server, or both. Their ports stay the same over restarts
 * where they can: an S3 address is part of every presigned URL.
 * @param started called with the pid of what outlives this process when it is killed, at each start of it
 */
export async function startEmbedded(
  config: Config,
  directory: DataDirectory,
  log: Logger,
  started: (pid: number) => void = () => undefined,
): Promise<EmbeddedServices> {
  const ports = await rememberedPorts(directory.path);
  const closers: (() => Promise<void>)[] = [];
  const close = () => closeAll(closers.splice(0).reverse());
  try {
    let databaseUrl = config.DATABASE_URL;
    if (databaseUrl === undefined) {
      const password = await directory.secret('postgres-password', newSecret);
      const options = {
        directory: directory.file('postgres'),
        port: ports.postgres ?? 0,
        password: password.value,
        log: (line: string) => log.debug({ line }, 'postgres'),
      };
      const trouble = (what: string, error?: unknown) => log.error({ err: error }, what);
      const postgres = await keepPostgresUp(options, { started, trouble });
      closers.push(() => postgres.close());
      ports.postgres = postgres.port;
      databaseUrl = postgres.url;
    }
    const s3 = s3Setting(config) ?? (await startEmbeddedS3(config, directory, ports, closers));
    await rememberPorts(directory.path, ports);
    const { REDIS_URL: redisUrl } = config;
    const locations = { databaseUrl, s3, ...(redisUrl !== undefined && { redisUrl }) };
    const health = async (): Promise<Record<string, string | null>> => {
      if (closers.length === 0) return {};
      return { disk: await shortageOn(directory.path, config.SHEAF_RESERVED_BYTES) };
    };
    return { locations, health, close };
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
    reservedBytes: config.SHEAF_RESERVED_BYTES,
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

/** `null`: there is room. */
async function shortageOn(directory: string, reservedBytes: number): Promise<string | null> {
  const free = await freeBytes(directory);
  return free < reservedBytes
    ? `${directory} has ${free} bytes left, of which ${reservedBytes} are reserved`
    : null;
}

function newSecret(): string {
  return randomBytes(24).toString('base64url');
}
