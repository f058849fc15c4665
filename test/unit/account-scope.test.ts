import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/**
 * What is an account's is reached through `AccountServices` alone, and bound in account-of.ts; so that a new route can
 * neither forget its account nor name another. The integration tests of the stores show that they keep to it.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(`${ROOT}${file}`, 'utf8');
const withoutComments = (source: string) => source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');

/** What stands between the braces of an interface. */
function bodyOf(source: string, name: string): string | undefined {
  return new RegExp(`interface ${name}[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(withoutComments(source))?.[1];
}

/** The names of the types of its fields. */
function fieldTypes(body: string): string[] {
  return [...body.matchAll(/^ {2}\w+\??: (\w+);$/gm)].map(([, type]) => type!);
}

const TAKES_AN_ACCOUNT = /\baccount(?:Id)?\??: string[,)]/;

/** Methods of theirs that take an account. */
function takingAccounts(body: string): string[] {
  return body.split(';\n').filter((member) => TAKES_AN_ACCOUNT.test(member));
}

const PORTS = [
  'src/engine/ports/request-stores.ts',
  'src/engine/ports/access-stores.ts',
  'src/engine/ports/single-calls.ts',
  'src/engine/ports/read-transaction.ts',
  'src/operations/training/reads/training-reads.ts',
  'src/operations/training/reads/cohort-reads.ts',
  'src/operations/training/reads/course-reads.ts',
  'src/operations/training/reads/exam-reads.ts',
];

const interfaceNamed = (name: string) => PORTS.map((file) => bodyOf(read(file), name)).find(Boolean);

/** Files of the API that reach into other accounts, for admins of the account that administers: what `/admin` is for. */
const OF_ADMINS = /^src\/api\/(account-of-batch\.ts|((routes|schemas)\/)?admin-)/;

/** What a file of the API does that only account-of.ts may. */
function bindsByItself(file: string, source: string): string[] {
  if (file === 'src/api/account-of.ts' || OF_ADMINS.test(file)) return [];
  const code = withoutComments(source);
  return [
    ...(/\bservices\.account\(|\{[^}\n]*\baccount\b[^}\n]*\}: (Pick<)?ApiServices/.test(code)
      ? [`${file} binds an account by itself: use accountOf`]
      : []),
    ...[...code.matchAll(/ports\/((?:sweep|admin)-store\w*)\.ts'/g)].map(
      ([, port]) => `${file} imports ${port}, which is of all accounts`,
    ),
  ];
}

const apiFiles = readdirSync(`${ROOT}src/api`, { recursive: true, encoding: 'utf8' })
  .map((name) => `src/api/${name.replaceAll('\\', '/')}`)
  .filter((file) => file.endsWith('.ts'));

const bound = bodyOf(read('src/account-services.ts'), 'AccountServices')!;

describe('what a request can reach', () => {
  test('takes no account anywhere', () => {
    const types = fieldTypes(bound);
    expect(types.length).toBeGreaterThan(6);
    const nested = types.flatMap((type) => fieldTypes(interfaceNamed(type) ?? ''));
    for (const type of [...types, ...nested.filter((name) => name.endsWith('Reads'))]) {
      const body = interfaceNamed(type);
      expect(body, `interface ${type}`).toBeDefined();
      expect(takingAccounts(body!), type).toEqual([]);
    }
  });

  test('is given to routes by account-of.ts alone', () => {
    const offered = fieldTypes(bodyOf(read('src/api/api-services.ts'), 'ApiServices')!);
    expect(offered).toContain('OperationRegistry');
    for (const type of fieldTypes(bound)) expect(offered).not.toContain(type);
    const allowed = ['src/api/api-services.ts'];
    expect(
      apiFiles.filter((file) => !allowed.includes(file)).flatMap((file) => bindsByItself(file, read(file))),
    ).toEqual([]);
  });
});

describe('what is refused', () => {
  test.each([
    ['const rows = await services.account(someActor).batches.list({ limit: 1 });'],
    ['export function routes(app: ApiInstance, { account }: ApiServices): void {}'],
    ["import type { UploadSweep } from '../../engine/ports/sweep-stores.ts';"],
    ["import type { AccountStore } from '../../engine/ports/admin-store.ts';"],
  ])('in a route: %s', (line) => {
    expect(bindsByItself('src/api/routes/some.ts', `${line}\n`)).toHaveLength(1);
  });

  test.each([
    ['  find(accountId: string, id: string): Promise<Upload | null>;\n'],
    ['  list(\n    accountId: string,\n    page: { limit: number },\n  ): Promise<BatchRow[]>;\n'],
    ['  forget(account: string): Promise<void>;\n'],
  ])('in a bound store: %j', (member) => {
    const body = bodyOf(
      `export interface SomeStore {\n  other(id: string): Promise<void>;\n${member}}\n`,
      'SomeStore',
    );
    expect(takingAccounts(`${body}\n`)).toHaveLength(1);
  });
});
