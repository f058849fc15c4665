import {
  httpOrigins,
  key,
  list,
  oneOf,
  password,
  text,
  trustedProxies,
  url,
  wholeNumber,
  wholeSeconds,
} from './setting-values.ts';

/** The list of all settings; read by config.ts. */

export interface Setting<T> {
  doc: string;
  /** As it would stand in the environment; without one the setting is optional. */
  default?: string;
  /** Shown in the table where there is no default. */
  otherwise?: string;
  secret?: boolean;
  /** @throws {Error} saying what the value must be */
  parse(text: string): T;
}

const setting = <T>(it: Setting<T>): Setting<T> => it;
const MiB = 1024 * 1024;

export const SETTINGS = {
  SHEAF_PORT: setting({
    doc: 'Port of the API and its docs; 0 takes any free one.',
    default: '3000',
    parse: wholeNumber(0, 65_535),
  }),
  SHEAF_HOST: setting({ doc: 'Address that the API listens on.', default: '127.0.0.1', parse: text }),
  SHEAF_DATA_DIR: setting({
    doc: 'Where the embedded services keep their data, and what is running is written down.',
    default: '.sheaf',
    parse: text,
  }),
  SHEAF_RESERVED_BYTES: setting({
    doc: 'How much of that disk the embedded S3 server leaves free: PostgreSQL needs room there to go on, and to delete.',
    default: String(256 * MiB),
    parse: wholeNumber(0),
  }),
  SHEAF_ADMIN_KEY: setting({
    doc: 'The API key that may do everything: at least 16 characters of printable ASCII.',
    otherwise:
      'a random one with `npm start`, printed at its first start and kept in the data directory; none with `npm run api`',
    secret: true,
    parse: key,
  }),
  SHEAF_ADMIN_PASSWORD: setting({
    doc: 'Password of the user `admin`, who is made at the first start: 12 to 256 characters. Changing it later changes nothing: `npx sheaf set-password admin` does.',
    otherwise: 'a random one, printed at the first start',
    secret: true,
    parse: password,
  }),
  SHEAF_TOKEN_SECONDS: setting({
    doc: 'How long a token is valid that a password was given for.',
    default: '900',
    parse: wholeNumber(10, 86_400),
  }),
  SHEAF_SESSION_SECONDS: setting({
    doc: 'For how long such tokens can be refreshed without a password.',
    default: String(30 * 86_400),
    parse: wholeSeconds,
  }),
  SHEAF_CORS_ORIGINS: setting({
    doc: 'Origins whose pages may call the API, separated by commas, or `*`.',
    otherwise: 'only its own',
    parse: httpOrigins,
  }),
  SHEAF_TRUST_PROXY: setting({
    doc: 'Whose `X-Forwarded-For` is believed: `false`, how many proxies stand before the API, or their addresses.',
    default: 'false',
    parse: trustedProxies,
  }),
  SHEAF_REQUESTS_PER_MINUTE: setting({
    doc: 'How often an account may do each thing in a minute, where its own limits do not say.',
    default: '6000',
    parse: wholeNumber(1, 10_000_000),
  }),
  SHEAF_REQUESTS_LOCK_SECONDS: setting({
    doc: 'For how long it may not do it then; 0: until the minute allows it again.',
    default: '0',
    parse: wholeNumber(0, 86_400),
  }),
  SHEAF_MAX_BATCHES: setting({
    doc: 'How many batches of an account may be under way, where its own limits do not say.',
    default: '1000',
    parse: wholeNumber(1),
  }),
  SHEAF_MAX_STORED_BYTES: setting({
    doc: 'How much an account may store, where its own limits do not say.',
    default: '1000000000000',
    parse: wholeNumber(1),
  }),
  SHEAF_OPERATIONS: setting({
    doc: 'Files, folders or packages with operations of your own, separated by commas; paths begin at the working directory.',
    otherwise: 'only the built-in ones',
    parse: list,
  }),
  SHEAF_LOG_LEVEL: setting({
    doc: 'Least level that is logged.',
    default: 'info',
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  }),
  DATABASE_URL: setting({
    doc: 'PostgreSQL 15 or newer, in place of the embedded one.',
    otherwise: 'embedded PostgreSQL',
    secret: true,
    parse: url('postgres:', 'postgresql:'),
  }),
  REDIS_URL: setting({
    doc: 'Redis or Valkey for the queue and the counting of requests, in place of PostgreSQL; must not evict keys.',
    otherwise: 'both are on PostgreSQL',
    secret: true,
    parse: url('redis:', 'rediss:'),
  }),
  S3_ENDPOINT: setting({
    doc: 'S3 server in place of the embedded one, e.g. https://s3.eu-central-1.amazonaws.com.',
    otherwise: 'embedded S3 server',
    parse: url('https:', 'http:'),
  }),
  S3_PUBLIC_ENDPOINT: setting({
    doc: 'The S3 server’s address as clients see it, if it differs: presigned URLs name it.',
    otherwise: 'S3_ENDPOINT',
    parse: url('https:', 'http:'),
  }),
  S3_BUCKET: setting({ doc: 'Bucket for everything.', default: 'sheaf', parse: text }),
  S3_REGION: setting({ doc: 'Region that requests are signed for.', default: 'us-east-1', parse: text }),
  AWS_ACCESS_KEY_ID: setting({
    doc: 'Credentials for S3_ENDPOINT.',
    otherwise: 'the AWS SDK’s own chain',
    secret: true,
    parse: text,
  }),
  AWS_SECRET_ACCESS_KEY: setting({
    doc: 'Credentials for S3_ENDPOINT.',
    otherwise: 'the AWS SDK’s own chain',
    secret: true,
    parse: text,
  }),
  AWS_SESSION_TOKEN: setting({
    doc: 'Goes with temporary credentials.',
    otherwise: 'none',
    secret: true,
    parse: text,
  }),
  SHEAF_CHUNK_RECORDS: setting({
    doc: 'Most records in a chunk: the unit of dispatch, lease and transaction.',
    default: '5000',
    parse: wholeNumber(1, 100_000),
  }),
  SHEAF_CHUNK_BYTES: setting({
    doc: 'Most bytes in a chunk, but for a single longer record.',
    default: String(8 * MiB),
    parse: wholeNumber(1024, 256 * MiB),
  }),
  SHEAF_MAX_FILE_BYTES: setting({
    doc: 'Largest file that is taken; what is over 5 GiB comes in parts, as S3 takes no more in one PUT.',
    default: '50000000000',
    parse: wholeNumber(1),
  }),
  SHEAF_MAX_RECORDS: setting({
    doc: 'Most records of one file.',
    default: '1000000000',
    parse: wholeNumber(1),
  }),
  SHEAF_MAX_UNPACKED_BYTES: setting({
    doc: 'Most bytes that a compressed file or a workbook may unpack to.',
    default: '50000000000',
    parse: wholeNumber(1),
  }),
  SHEAF_MAX_RECORD_BYTES: setting({
    doc: 'Largest record; a larger one fails alone.',
    default: String(8 * MiB),
    parse: wholeNumber(64, 256 * MiB),
  }),
  SHEAF_MAX_CELL_BYTES: setting({
    doc: 'Largest cell; a record with a larger one fails alone.',
    default: String(MiB),
    parse: wholeNumber(64, 256 * MiB),
  }),
  SHEAF_LEASE_SECONDS: setting({
    doc: 'After how long without a sign of life a worker’s work is given to another.',
    default: '20',
    parse: wholeNumber(2, 3600),
  }),
  SHEAF_SWEEP_SECONDS: setting({
    doc: 'How often each worker looks for what waits, expired or was left behind.',
    default: '5',
    parse: wholeNumber(1, 3600),
  }),
  SHEAF_MAX_ATTEMPTS: setting({
    doc: 'How often a step is tried before its batch is failed.',
    default: '8',
    parse: wholeNumber(1, 100),
  }),
  SHEAF_MAX_CRASHES: setting({
    doc: 'How often the worker of a step may be gone before it has ended, and how many records of a chunk may crash its process, before the batch is failed.',
    default: '20',
    parse: wholeNumber(1, 1000),
  }),
  SHEAF_ALONE_HEAP_MIB: setting({
    doc: 'Most MiB of heap for a process of its own, in which a step is done whose worker was gone; a worker has two of them at the most.',
    default: '1024',
    parse: wholeNumber(64, 65_536),
  }),
  SHEAF_STEP_SECONDS: setting({
    doc: 'After how long without progress a step (a chunk, a copy, a conversion, a result file) is given up and tried again.',
    default: '900',
    parse: wholeNumber(10, 86_400),
  }),
  SHEAF_STALLED_SECONDS: setting({
    doc: 'After how long a batch that no worker does anything for is failed; it can be resumed.',
    default: '86400',
    parse: wholeSeconds,
  }),
  SHEAF_BLOCKED_SECONDS: setting({
    doc: 'After how long a process is ended whose event loop stands still, so that a supervisor starts it again; 0: never.',
    default: '60',
    parse: wholeNumber(0, 86_400),
  }),
  SHEAF_WORKER_CONCURRENCY: setting({
    doc: 'Chunks that one worker process checks, and processes, at once.',
    default: '2',
    parse: wholeNumber(1, 64),
  }),
  SHEAF_CALL_CONCURRENCY: setting({
    doc: 'Chunks of operations with effects outside (HTTP) that one worker process works on at once, besides.',
    default: '8',
    parse: wholeNumber(1, 256),
  }),
  SHEAF_DRAIN_SECONDS: setting({
    doc: 'How long a stopping worker may finish what it holds before it hands it back, and a stopping API answer what it was asked.',
    default: '20',
    parse: wholeSeconds,
  }),
  SHEAF_URL_SECONDS: setting({
    doc: 'How long presigned URLs are valid.',
    default: '3600',
    parse: wholeNumber(1, 7 * 86_400),
  }),
  SHEAF_UPLOAD_SECONDS: setting({
    doc: 'How long after it was made an upload can be used for a batch, where the limits of its account do not say.',
    default: '86400',
    parse: wholeSeconds,
  }),
  SHEAF_KEEP_SECONDS: setting({
    doc: 'How long after its end the files of a batch are kept, where neither its request (expires_after) nor the limits of its account say.',
    default: String(30 * 86_400),
    parse: wholeSeconds,
  }),
} as const satisfies Record<string, Setting<unknown>>;
