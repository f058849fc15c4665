/*
 * Parts that some suites need and not every machine has, each named by an environment variable. Where one is missing
 * its suite is skipped and its title says why; in CI, where all of them are started, a missing one is a failure.
 */

/** What each variable stands for, as `npm test` says it when the variable is not set. */
const PARTS: Record<string, string> = {
  TEST_REDIS_URL: 'the queue and the counting of requests on Redis, and all that runs on it',
  TEST_CHROMIUM: 'the docs in a browser',
  TEST_S3_ENDPOINT: 'the object store on another S3 server, and all that runs on it',
  TEST_AWS_CLI: 'the embedded S3 server with the AWS command line',
  TEST_CURL: 'the embedded S3 server with curl',
  TEST_SOFFICE: 'workbooks that LibreOffice saves',
};

/** One line for each part that this run leaves out. */
export function leftOut(): string[] {
  return Object.entries(PARTS).flatMap(([name, part]) =>
    process.env[name] ? [] : [`left out: ${part} (${name} is not set)`],
  );
}

export interface Requirement<Value = string> {
  /** For `describe.skipIf`. */
  missing: boolean;
  /** For the suite's title: empty, or why it is skipped. */
  reason: string;
  /** @throws {Error} when the variable is not set */
  value(): Value;
}

/** What the suite cannot do without: in CI it runs in any case, and fails where this is missing. */
export function required(name: string): Requirement {
  const given = process.env[name] || undefined;
  const missing = given === undefined && process.env.CI !== 'true';
  return {
    missing,
    reason: missing ? ` (skipped: ${name} is not set)` : '',
    value: () => {
      if (given === undefined) throw new Error(`${name} is not set, and this suite must run`);
      return given;
    },
  };
}

/** An S3 server and who may use it. */
export interface S3Access {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** The S3 server that is not ours: its address and its two keys are one part. */
export function otherS3Server(): Requirement<S3Access> {
  const endpoint = required('TEST_S3_ENDPOINT');
  const accessKey = required('TEST_S3_ACCESS_KEY');
  const secretKey = required('TEST_S3_SECRET_KEY');
  const missing = [endpoint, accessKey, secretKey].find((part) => part.missing);
  return {
    missing: missing !== undefined,
    reason: missing?.reason ?? '',
    value: () => ({
      endpoint: endpoint.value(),
      accessKeyId: accessKey.value(),
      secretAccessKey: secretKey.value(),
    }),
  };
}
