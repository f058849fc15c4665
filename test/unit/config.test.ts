import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { environment, environmentExample, readConfig, secretsOf, settingsTable } from '../../src/config.ts';
import { LONGEST_PASSWORD, SHORTEST_PASSWORD } from '../../src/core/password-rules.ts';
import { SETTINGS } from '../../src/settings.ts';

const MIB = 1024 * 1024;

const readFromRoot = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** The lines of the message with which the settings are refused, without its first. */
function problems(env: Record<string, string | undefined>): string[] {
  try {
    readConfig(env);
  } catch (error) {
    const [first, ...rest] = (error as Error).message.split('\n');
    expect(first).toBe('the settings are wrong:');
    return rest.map((line) => line.trim());
  }
  return [];
}

describe('readConfig', () => {
  test('the defaults', () => {
    expect(readConfig({})).toEqual({
      SHEAF_PORT: 3000,
      SHEAF_HOST: '127.0.0.1',
      SHEAF_DATA_DIR: '.sheaf',
      SHEAF_LOG_LEVEL: 'info',
      S3_BUCKET: 'sheaf',
      S3_REGION: 'us-east-1',
      SHEAF_CHUNK_RECORDS: 5000,
      SHEAF_CHUNK_BYTES: 8 * MIB,
      SHEAF_MAX_FILE_BYTES: 50_000_000_000,
      SHEAF_MAX_UNPACKED_BYTES: 50_000_000_000,
      SHEAF_MAX_RECORD_BYTES: 8 * MIB,
      SHEAF_MAX_CELL_BYTES: MIB,
      SHEAF_LEASE_SECONDS: 20,
      SHEAF_SWEEP_SECONDS: 5,
      SHEAF_MAX_ATTEMPTS: 8,
      SHEAF_MAX_CRASHES: 20,
      SHEAF_ALONE_HEAP_MIB: 1024,
      SHEAF_WORKER_CONCURRENCY: 2,
      SHEAF_CALL_CONCURRENCY: 8,
      SHEAF_DRAIN_SECONDS: 20,
      SHEAF_URL_SECONDS: 3600,
      SHEAF_UPLOAD_SECONDS: 86_400,
      SHEAF_STEP_SECONDS: 900,
      SHEAF_STALLED_SECONDS: 86_400,
      SHEAF_BLOCKED_SECONDS: 60,
      SHEAF_RESERVED_BYTES: 268_435_456,
      SHEAF_KEEP_SECONDS: 30 * 86_400,
      SHEAF_TOKEN_SECONDS: 900,
      SHEAF_SESSION_SECONDS: 30 * 86_400,
      SHEAF_TRUST_PROXY: false,
      SHEAF_REQUESTS_PER_MINUTE: 6000,
      SHEAF_REQUESTS_LOCK_SECONDS: 0,
      SHEAF_MAX_BATCHES: 1000,
      SHEAF_MAX_RECORDS: 1_000_000_000,
      SHEAF_MAX_STORED_BYTES: 1e12,
    });
  });

  test('what is given', () => {
    const given = {
      SHEAF_PORT: '0',
      SHEAF_ADMIN_KEY: 'k'.repeat(16),
      DATABASE_URL: 'postgresql://sheaf@db:5432/sheaf',
      REDIS_URL: 'rediss://queue:6379',
      S3_ENDPOINT: 'https://s3.example.org',
      S3_PUBLIC_ENDPOINT: 'http://localhost:9000',
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      SHEAF_LOG_LEVEL: 'silent',
      SHEAF_CHUNK_RECORDS: '100000',
    };
    expect(readConfig(given)).toMatchObject({ ...given, SHEAF_PORT: 0, SHEAF_CHUNK_RECORDS: 100_000 });
  });

  test('whom pages and proxies are believed to be', () => {
    const read = (env: Record<string, string>) => readConfig(env);
    expect(
      read({ SHEAF_CORS_ORIGINS: 'https://a.example, http://localhost:5173' }).SHEAF_CORS_ORIGINS,
    ).toEqual(['https://a.example', 'http://localhost:5173']);
    expect(read({ SHEAF_CORS_ORIGINS: '*' }).SHEAF_CORS_ORIGINS).toEqual(['*']);
    expect(read({ SHEAF_TRUST_PROXY: '2' }).SHEAF_TRUST_PROXY).toBe(2);
    expect(read({ SHEAF_TRUST_PROXY: '10.0.0.0/8,::1' }).SHEAF_TRUST_PROXY).toEqual(['10.0.0.0/8', '::1']);
  });

  test('the password of the first user may be as long as that of any', () => {
    for (const length of [SHORTEST_PASSWORD, LONGEST_PASSWORD]) {
      const SHEAF_ADMIN_PASSWORD = '🔑'.repeat(length);
      expect(readConfig({ SHEAF_ADMIN_PASSWORD })).toMatchObject({ SHEAF_ADMIN_PASSWORD });
    }
  });

  test('an empty variable is one that is not set', () => {
    const empty = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, '']));
    expect(readConfig(empty)).toEqual(readConfig({}));
    expect(readConfig({ SHEAF_PORT: undefined, DATABASE_URL: undefined })).toEqual(readConfig({}));
  });

  test('what belongs to others is left alone', () => {
    expect(readConfig({ PATH: '/bin', DATABASE_HOST: 'x', AWS_REGION: 'x', sheaf_port: '1' })).toEqual(
      readConfig({}),
    );
  });

  test.each([
    ['SHEAF_PORT', '65536', 'must be a whole number from 0 to 65535, not "65536"'],
    ['SHEAF_PORT', '-1', 'must be a whole number from 0 to 65535, not "-1"'],
    ['SHEAF_PORT', '3000.5', 'must be a whole number from 0 to 65535, not "3000.5"'],
    ['SHEAF_PORT', '0x10', 'must be a whole number from 0 to 65535, not "0x10"'],
    ['SHEAF_PORT', '1e3', 'must be a whole number from 0 to 65535, not "1e3"'],
    ['SHEAF_PORT', ' 80', 'must be a whole number from 0 to 65535, not " 80"'],
    ['SHEAF_PORT', 'http', 'must be a whole number from 0 to 65535, not "http"'],
    ['SHEAF_CHUNK_RECORDS', '0', 'must be a whole number from 1 to 100000, not "0"'],
    ['SHEAF_LEASE_SECONDS', '1', 'must be a whole number from 2 to 3600, not "1"'],
    [
      'SHEAF_MAX_FILE_BYTES',
      '9'.repeat(400),
      `must be a whole number from 1 to 9007199254740991, not "${'9'.repeat(400)}"`,
    ],
    ['SHEAF_LOG_LEVEL', 'INFO', 'must be one of trace, debug, info, warn, error, fatal, silent, not "INFO"'],
    ['S3_ENDPOINT', 's3.example.org', 'must be a URL such as https://host:port, not "s3.example.org"'],
    [
      'S3_ENDPOINT',
      'ftp://s3.example.org',
      'must be a URL such as https://host:port, not "ftp://s3.example.org"',
    ],
    ['DATABASE_URL', 'mysql://db', 'must be a URL such as postgres://host:port'],
    ['REDIS_URL', 'localhost:6379', 'must be a URL such as redis://host:port'],
    // A key that no Authorization header could carry would start a server that nobody can use.
    ...['short', 'correct horse battery staple', 'schlüsselschlüssel'].map((key) => [
      'SHEAF_ADMIN_KEY',
      key,
      'must have at least 16 characters, of printable ASCII without blanks',
    ]),
    ...[SHORTEST_PASSWORD - 1, LONGEST_PASSWORD + 1].map((length) => [
      'SHEAF_ADMIN_PASSWORD',
      '🔑'.repeat(length),
      `must have ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters`,
    ]),
    ...['https://a.example/', 'a.example', 'ftp://a.example', '*,https://a.example', 'null'].map(
      (origins) => [
        'SHEAF_CORS_ORIGINS',
        origins,
        `must be origins such as https://app.example.com, or *, not "${origins}"`,
      ],
    ),
    ...['true', '0', 'localhost', '10.0.0.0/33', '10.0.0.1,'].map((proxies) => [
      'SHEAF_TRUST_PROXY',
      proxies,
      `must be false, a number of proxies, or addresses such as 10.0.0.0/8,127.0.0.1, not "${proxies}"`,
    ]),
  ])('%s=%s is refused', (name, value, message) => {
    expect(problems({ [name]: value })).toEqual([`${name} ${message}`]);
  });

  test('every wrong value is told at once', () => {
    const wrong = {
      SHEAF_PORT: 'x',
      SHEAF_ADMIN_KEY: 'x',
      DATABASE_URL: 'x',
      S3_ENDPOINT: 'x',
      SHEAF_MAX_ATTEMPTS: '0',
      SHEAF_PROT: '80',
      AWS_ACCESS_KEY_ID: 'x',
    };
    expect(problems(wrong).map((line) => line.split(' ')[0])).toEqual([
      'SHEAF_PORT',
      'SHEAF_ADMIN_KEY',
      'DATABASE_URL',
      'S3_ENDPOINT',
      'SHEAF_MAX_ATTEMPTS',
      'SHEAF_PROT',
      'AWS_ACCESS_KEY_ID',
    ]);
  });

  test.each(['SHEAF_PROT', 'SHEAF_', 'SHEAF_port', 'SHEAF_toString'])('%s is not a setting', (name) => {
    expect(problems({ [name]: '1' })).toEqual([`${name} is not a setting`]);
    expect(problems({ [name]: '' })).toEqual([`${name} is not a setting`]);
  });

  test('half of the credentials is refused', () => {
    const together = ['AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together'];
    expect(problems({ AWS_ACCESS_KEY_ID: 'AKIA' })).toEqual(together);
    expect(problems({ AWS_SECRET_ACCESS_KEY: 'swordfish' })).toEqual(together);
    expect(problems({ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: '' })).toEqual(together);
  });

  test('no message repeats a secret', () => {
    const secrets = Object.entries(SETTINGS).filter(([, setting]) => 'secret' in setting);
    expect(secrets.map(([name]) => name)).toEqual([
      'SHEAF_ADMIN_KEY',
      'SHEAF_ADMIN_PASSWORD',
      'DATABASE_URL',
      'REDIS_URL',
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_SESSION_TOKEN',
    ]);
    for (const [name] of secrets) {
      for (const value of ['swordfish', 'http://user:swordfish@host']) {
        expect(problems({ [name]: value, SHEAF_PORT: 'x' }).join('\n')).not.toContain('swordfish');
      }
    }
  });
});

describe('environment', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('is the process’s, as it is when it is asked for', () => {
    vi.stubEnv('SHEAF_PORT', '4711');
    expect(environment().SHEAF_PORT).toBe('4711');
    vi.stubEnv('SHEAF_PORT', '4712');
    expect(environment().SHEAF_PORT).toBe('4712');
  });
});

describe('what is made from the settings', () => {
  test('the table has a row for each', () => {
    const lines = settingsTable().split('\n');
    expect(lines).toHaveLength(2 + Object.keys(SETTINGS).length);
    for (const line of lines) expect(line, line).toMatch(/^\|[^|]+\|[^|]+\|[^|]+\|$/);
    for (const [index, name] of Object.keys(SETTINGS).entries())
      expect(lines[index + 2]).toContain(`| \`${name}\` |`);
    expect(settingsTable()).not.toContain('undefined');
  });

  test('the example of an environment changes nothing, also with its comments taken away', () => {
    const example = environmentExample();
    expect(example).not.toContain('undefined');
    expect(example.split('\n').filter((line) => line !== '' && !line.startsWith('# '))).toEqual([]);
    const entries = [...example.matchAll(/^# ([A-Z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]);
    expect(entries.map(([name]) => name)).toEqual(Object.keys(SETTINGS));
    expect(readConfig(Object.fromEntries(entries))).toEqual(readConfig({}));
  });

  test('the table is what the README shows between its markers', () => {
    const shown = readFromRoot('README.md').split('<!-- settings -->\n')[1]?.split('<!-- /settings -->')[0];
    expect(shown).toBe(`${settingsTable()}\n`);
  });

  test('the example is what .env.example holds', () => {
    expect(readFromRoot('.env.example')).toBe(environmentExample());
  });
});

describe('operations of one’s own', () => {
  test('are a list, blanks around its items or not', () => {
    const { SHEAF_OPERATIONS } = readConfig({ SHEAF_OPERATIONS: './operations, more/greet.ts ,@acme/pack' });
    expect(SHEAF_OPERATIONS).toEqual(['./operations', 'more/greet.ts', '@acme/pack']);
    expect(readConfig({ SHEAF_OPERATIONS: '' }).SHEAF_OPERATIONS).toBeUndefined();
    expect(problems({ SHEAF_OPERATIONS: './a,,./b' })).toEqual([
      'SHEAF_OPERATIONS must be a list such as ./operations,./more/greet.ts, not "./a,,./b"',
    ]);
  });

  test('find their secrets in the environment, but none of the settings', () => {
    const secret = secretsOf({ CRM_TOKEN: 'x', DATABASE_URL: 'postgres://a', SHEAF_ADMIN_KEY: 'k' });
    expect(['CRM_TOKEN', 'DATABASE_URL', 'SHEAF_ADMIN_KEY', 'OTHER'].map(secret)).toEqual([
      'x',
      undefined,
      undefined,
      undefined,
    ]);
  });
});
