/**
 * Every setting: its name in the environment, what it does in one line, its default. Read once, here, and handed
 * down as a value. The table in the README and `.env.example` are made from this list (`npm run settings`).
 */

export type Environment = Record<string, string | undefined>;

interface Setting<T> {
  doc: string;
  /** As it would stand in the environment; without one the setting is optional. */
  default?: string;
  /** Shown in the table where there is no default. */
  otherwise?: string;
  secret?: boolean;
  /** @throws {Error} saying what the value must be */
  parse(text: string): T;
}

const text = (value: string) => value;

function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    throw new Error(`must be a whole number from ${least} to ${most}`);
  };
}

function url(...protocols: string[]) {
  return (value: string): string => {
    const wanted = new Error(`must be a URL such as ${protocols[0]}//host:port`);
    if (!URL.canParse(value)) throw wanted;
    if (!protocols.includes(new URL(value).protocol)) throw wanted;
    return value;
  };
}

function oneOf<const T extends string>(...values: T[]) {
  return (value: string): T => {
    const found = values.find((known) => known === value);
    if (found === undefined) throw new Error(`must be one of ${values.join(', ')}`);
    return found;
  };
}

/** What is separated by commas. */
function list(value: string): string[] {
  const items = value.split(',').map((item) => item.trim());
  if (items.includes('')) throw new Error('must be a list such as ./operations,./more/greet.ts');
  return items;
}

/** What can be sent in an Authorization header as it is. */
function key(value: string): string {
  if (!/^[\x21-\x7e]{16,}$/.test(value)) {
    throw new Error('must have at least 16 characters, of printable ASCII without blanks');
  }
  return value;
}

const setting = <T>(it: Setting<T>): Setting<T> => it;
const wholeSeconds = wholeNumber(1, 86_400 * 365);
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
  SHEAF_ADMIN_KEY: setting({
    doc: 'The API key that may do everything: at least 16 characters of printable ASCII.',
    otherwise: 'a random one, printed at the first start and kept in the data directory',
    secret: true,
    parse: key,
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
    doc: 'Redis or Valkey for the queue, in place of PostgreSQL; must not evict keys.',
    otherwise: 'the queue is on PostgreSQL',
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
    doc: 'How long a stopping worker may finish what it holds before it hands it back.',
    default: '20',
    parse: wholeSeconds,
  }),
  SHEAF_URL_SECONDS: setting({
    doc: 'How long presigned URLs are valid.',
    default: '3600',
    parse: wholeNumber(1, 7 * 86_400),
  }),
  SHEAF_UPLOAD_SECONDS: setting({
    doc: 'How long after it was made an upload can be used for a batch.',
    default: '86400',
    parse: wholeSeconds,
  }),
  SHEAF_KEEP_SECONDS: setting({
    doc: 'How long after its end the files of a batch are kept, where its request does not say (expires_after).',
    default: String(30 * 86_400),
    parse: wholeSeconds,
  }),
} as const satisfies Record<string, Setting<unknown>>;

type Settings = typeof SETTINGS;
type SettingName = keyof Settings;
type Parsed<Name extends SettingName> = ReturnType<Settings[Name]['parse']>;

type OptionalName =
  | 'SHEAF_ADMIN_KEY'
  | 'SHEAF_OPERATIONS'
  | 'DATABASE_URL'
  | 'REDIS_URL'
  | 'S3_ENDPOINT'
  | 'S3_PUBLIC_ENDPOINT'
  | 'AWS_ACCESS_KEY_ID'
  | 'AWS_SECRET_ACCESS_KEY'
  | 'AWS_SESSION_TOKEN';

/** The parsed settings by name; those without a default may be absent. */
export type Config = { [Name in Exclude<SettingName, OptionalName>]: Parsed<Name> } & {
  [Name in OptionalName]?: Parsed<Name>;
};

/** The process's environment, for entry points; nothing else reads it. */
export function environment(): Environment {
  // The AWS SDK announces at every start which Node its future versions will want. The lock file pins the version
  // that is used, so this concerns whoever upgrades it and not whoever runs Sheaf.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  return process.env;
}

/** Values that operations may use and nobody is told of, by their names in the environment; never a setting of ours. */
export function secretsOf(env: Environment): (name: string) => string | undefined {
  return (name) => (Object.hasOwn(SETTINGS, name) ? undefined : env[name]);
}

/**
 * Reads all settings.
 * @throws {Error} that lists every wrong one, and every `SHEAF_…` that is not a setting
 */
export function readConfig(env: Environment): Config {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, it] of Object.entries<Setting<unknown>>(SETTINGS)) {
    // An empty variable is how compose files leave one out.
    const given = env[name] === '' ? undefined : env[name];
    const value = given ?? it.default;
    if (value === undefined) continue;
    try {
      values[name] = it.parse(value);
    } catch (error) {
      problems.push(
        `${name} ${(error as Error).message}${it.secret ? '' : `, not ${JSON.stringify(value)}`}`,
      );
    }
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith('SHEAF_') && !Object.hasOwn(SETTINGS, name))
      problems.push(`${name} is not a setting`);
  }
  if ((values.AWS_ACCESS_KEY_ID === undefined) !== (values.AWS_SECRET_ACCESS_KEY === undefined)) {
    problems.push('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together');
  }
  if (problems.length > 0) throw new Error(`the settings are wrong:\n  ${problems.join('\n  ')}`);
  return values as Config;
}

/** The table of the README. */
export function settingsTable(): string {
  const rows = Object.entries<Setting<unknown>>(SETTINGS).map(
    ([name, it]) =>
      `| \`${name}\` | ${it.doc} | ${it.default === undefined ? it.otherwise : `\`${it.default}\``} |`,
  );
  return ['| setting | what it does | default |', '|---|---|---|', ...rows].join('\n');
}

/** `.env.example`: every setting with its default, commented out. */
export function environmentExample(): string {
  const entries = Object.entries<Setting<unknown>>(SETTINGS).map(
    ([name, it]) =>
      `# ${it.doc}${it.default === undefined ? ` Default: ${it.otherwise}.` : ''}\n# ${name}=${it.default ?? ''}\n`,
  );
  return entries.join('\n');
}
