import { SETTINGS, type Setting } from './settings.ts';

/**
 * Every setting: its name in the environment, what it does in one line, its default. Read once, here, and handed
 * down as a value. The table in the README and `.env.example` are made from this list (`npm run settings`).
 */

export type Environment = Record<string, string | undefined>;

type Settings = typeof SETTINGS;
type SettingName = keyof Settings;
type Parsed<Name extends SettingName> = ReturnType<Settings[Name]['parse']>;

type OptionalName =
  | 'SHEAF_ADMIN_KEY'
  | 'SHEAF_ADMIN_PASSWORD'
  | 'SHEAF_CORS_ORIGINS'
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
