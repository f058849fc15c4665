/*
 * Parts that some suites need and not every machine has, each named by an environment variable. Where one is missing
 * its suite is skipped and its title says why; in CI, where all of them are started, a missing one is a failure.
 */

/** What each variable stands for, as `npm test` says it when the variable is not set. */
const PARTS: Record<string, string> = {
  TEST_REDIS_URL: 'the queue on Redis',
  TEST_CHROMIUM: 'the docs in a browser',
  TEST_S3_ENDPOINT: 'the object store on another S3 server',
};

/** One line for each part that this run leaves out. */
export function leftOut(): string[] {
  return Object.entries(PARTS).flatMap(([name, part]) =>
    process.env[name] ? [] : [`left out: ${part} (${name} is not set)`],
  );
}

export interface Requirement {
  /** For `describe.skipIf`. */
  missing: boolean;
  /** For the suite's title: empty, or why it is skipped. */
  reason: string;
  /** @throws {Error} when the variable is not set */
  value(): string;
}

/** What the suite cannot do without: in CI it runs in any case, and fails where this is missing. */
export function required(name: string): Requirement {
  return requirement(name, process.env.CI !== 'true');
}

/** What no CI starts yet: without it the suite is skipped there too. */
export function optional(name: string): Requirement {
  return requirement(name, true);
}

function requirement(name: string, maySkip: boolean): Requirement {
  const given = process.env[name] || undefined;
  const missing = given === undefined && maySkip;
  return {
    missing,
    reason: missing ? ` (skipped: ${name} is not set)` : '',
    value: () => {
      if (given === undefined) throw new Error(`${name} is not set, and this suite must run`);
      return given;
    },
  };
}
