import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Loading operations in a process of its own, from sources and from what is compiled, outside of the project. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Loaded {
  operations?: string[];
  error?: string;
}

interface Loader {
  load(...entries: string[]): Promise<Loaded>;
  end(): void;
}

let folder: string;

function startLoader(args: string[], module: string): Loader {
  const child = spawn(process.execPath, [...args, `${ROOT}test/support/load-operations.mjs`, module], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async load(...entries) {
      child.stdin.write(`${JSON.stringify({ entries, folder })}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the loader has ended');
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
}

/** The definition of an operation, but for what is said of it. */
const definition = (name: string, more = '') => `{
  name: ${JSON.stringify(name)}, version: 1, title: 't', description: 'd', failures: {},
  input: Type.Object({ a: Type.String() }, { additionalProperties: false }),
  output: Type.Object({}, { additionalProperties: false }),
  run: async (records) => records.map(() => succeeded({})), ${more}
}`;
const IMPORT = `import { defineOperation, succeeded, Type } from 'sheaf';\n`;
const make = (name: string, more = '') => `defineOperation(${definition(name, more)})`;
const byFunction = (what: string) => `export default ({ defineOperation, succeeded, Type }) => ${what};\n`;

const FILES: Record<string, string> = {
  'good/default.ts': `${IMPORT}const it: object = ${make('by_default')};\nexport default it;\n`,
  'good/named.ts': `${IMPORT}import { two } from './lib/two.ts';\nexport const one = ${make('by_name')};\nexport { two };\nexport const helper = () => 1;\nexport const LIMIT = 5;\n`,
  'good/lib/two.ts': `${IMPORT}export const two = ${make('from_elsewhere')};\n`,
  'good/list.mjs': `${IMPORT}export default [${make('in_list')}, ${make('in_list', 'version: 2,').replace('version: 1,', '')}];\n`,
  'good/function.js': byFunction(make('by_function')),
  'good/functions.mts': `export const all = async ({ defineOperation, succeeded, Type }: any) => [${make('by_named_function')}];\n`,
  'good/common.cjs': `module.exports = ({ defineOperation, succeeded, Type }) => ${make('by_commonjs')};\n`,
  'good/waits.ts': `${IMPORT}await Promise.resolve();\nexport default ${make('after_await')};\n`,
  'good/again.ts': `export { default } from './default.ts';\n`,
  'good/default.test.ts': `throw new Error('a test is not loaded');\n`,
  'good/types.d.ts': `declare const x: 1;\n`,
  'good/README.md': 'no operation',
  'node_modules/some-pack/package.json': `{"name": "some-pack", "type": "module", "exports": {"import": "./index.js"}}`,
  'node_modules/some-pack/index.js': `${IMPORT}export default ${make('from_package')};\n`,
  'syntax.ts': `export const a = 1;\nconst b: = 2;\n`,
  'broken.js': `export const a = 1;\n\nconst b ~ 2;\n`,
  'unexported.ts': `import { nothing } from 'sheaf';\nexport default nothing;\n`,
  'no-package.ts': `import x from 'not-installed-here';\nexport default x;\n`,
  'no-file.ts': `import x from './gone.ts';\nexport default x;\n`,
  'no-operation.ts': `export const answer = 42;\n`,
  'plain.ts': `${IMPORT}export default ${definition('plain')};\n`,
  'plain-list.js': byFunction(`[${make('fine')}, ${definition('plain')}]`),
  'mixed-list.js': byFunction(`[${make('fine')}, 7]`),
  'empty-function.js': byFunction('undefined'),
  'throws.ts': `const why = 'no luck';\n\nthrow new Error(why);\n`,
  'throws-text.js': `throw 'a text';\n`,
  'wrong.ts': `${IMPORT}\nexport default ${make('Wrong-Name')};\n`,
  'commonjs.js': `module.exports = 1;\n`,
  'built-in.js': byFunction(make('create_learner')),
  'first.js': byFunction(make('same_name')),
  'second.js': byFunction(make('same_name')),
  'text.txt': 'x',
  'wrong.yaml': 'a: b',
  'empty/lib/a.ts': '',
};

let sources: Loader;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheaf-own-'));
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  sources = startLoader(['--import', 'tsx'], `${ROOT}src/own-operations/load-operations.ts`);
});
afterAll(async () => {
  sources.end();
  await rm(folder, { recursive: true, force: true });
});

const GOOD = [
  'after_await 1',
  'by_commonjs 1',
  'by_default 1',
  'by_function 1',
  'by_name 1',
  'by_named_function 1',
  'from_elsewhere 1',
  'from_package 1',
  'in_list 1',
  'in_list 2',
];

test('files of every kind, a folder, and a package', async () => {
  const { operations, error } = await sources.load('./good', 'good/default.ts', 'some-pack');
  expect(error).toBeUndefined();
  expect(operations?.sort()).toEqual(GOOD);
});

test('an absolute path', async () => {
  expect(await sources.load(join(folder, 'first.js'))).toEqual({ operations: ['same_name 1'] });
});

test('the example of docs/operations.md', async () => {
  const page = await readFile(`${ROOT}docs/operations.md`, 'utf8');
  const code = /<!-- example: gift-cards\.ts -->\n```ts\n([\s\S]*?)\n```/.exec(page)?.[1] ?? '';
  await writeFile(join(folder, 'gift-cards.ts'), code);
  expect(await sources.load('gift-cards.ts')).toEqual({ operations: ['issue_gift_card 1'] });
});

test('nothing', async () => {
  expect(await sources.load()).toEqual({ operations: [] });
});

describe('what stops the start', () => {
  test.each<[string, ...RegExp[]]>([
    [
      'gone.ts',
      /^gone\.ts: there is no such file or folder, .*\/gone\.ts; mend the path in SHEAF_OPERATIONS$/,
    ],
    ['./gone', /there is no such file or folder/],
    [
      'not-a-package',
      /^not-a-package: it is neither a file nor a folder .*: run npm install not-a-package in/,
    ],
    ['@some/pack', /run npm install @some\/pack in/],
    ['text.txt', /^text\.txt: operations are in files that end in \.ts/],
    ['empty', /^empty: there is no file with operations in this folder/],
    ['syntax.ts', /^syntax\.ts: it is not well-formed: .*syntax\.ts:2:9: Unexpected "="$/],
    ['broken.js', /^broken\.js: it is not well-formed: .*broken\.js:3: /],
    ['unexported.ts', /'sheaf' does not provide an export named 'nothing'/],
    [
      'no-package.ts',
      /the package not-installed-here, which .*no-package\.ts imports, is not installed: run npm i/,
    ],
    ['no-file.ts', /no-file\.ts imports .*gone\.ts, which is not there/],
    ['no-operation.ts', /^no-operation\.ts: it exports no operation: write export default defineOperation/],
    ['plain.ts', /^plain\.ts: its export default is a plain object: pass it through defineOperation/],
    ['plain-list.js', /what its function default answers, at 1 is a plain object/],
    ['mixed-list.js', /at 1, is no operation: take it out/],
    ['empty-function.js', /its function default answers no operation: it has to return defineOperation/],
    ['throws.ts', /^throws\.ts: no luck \(line 3\)$/],
    ['throws-text.js', /it threw "a text"/],
    ['wrong.ts', /^wrong\.ts: operation "Wrong-Name": the name must match .* \(line 3\)$/],
    [
      'commonjs.js',
      /module is not defined.*: a \.js or \.ts file is an ES module; write export and import, or name it \.cjs/,
    ],
    ['built-in.js', /^built-in\.js: create_learner is the name of a built-in operation; choose another$/],
    ['wrong.yaml', /^wrong\.yaml: YAML: a: b$/],
  ])('%s', async (entry, ...told) => {
    const { error } = await sources.load(entry);
    const [first, ...lines] = error?.split('\n') ?? [];
    expect(first).toBe('the operations that SHEAF_OPERATIONS names are wrong:');
    for (const pattern of told)
      expect(lines.map((line) => line.trim())).toContainEqual(expect.stringMatching(pattern));
    expect(lines).toHaveLength(1);
  });

  test('two of the same name and version, by both files', async () => {
    const { error } = await sources.load('first.js', 'second.js');
    expect(error).toContain(
      'second.js: first.js has an operation same_name of version 1 too; rename one of them, or raise its version',
    );
  });

  test('all that is wrong is told at once', async () => {
    const { error } = await sources.load('gone.ts', 'syntax.ts', 'good', 'plain.ts', './gone');
    expect(error?.split('\n')).toHaveLength(5);
  });
});

test('what is compiled loads the same, TypeScript too', async () => {
  const compiled = await mkdtemp(join(ROOT, 'node_modules', '.sheaf-compiled-'));
  try {
    await promisify(execFile)(
      process.execPath,
      [
        `${ROOT}node_modules/typescript/bin/tsc`,
        '-p',
        'tsconfig.build.json',
        '--noCheck',
        '--outDir',
        compiled,
      ],
      { cwd: ROOT },
    );
    await writeFile(join(compiled, 'package.json'), '{"type": "module"}');
    await symlink(join(ROOT, 'node_modules'), join(compiled, 'node_modules'));
    const built = startLoader([], join(compiled, 'src/own-operations/load-operations.js'));
    const { operations, error } = await built.load('./good', 'some-pack');
    expect(error).toBeUndefined();
    expect(operations?.sort()).toEqual(GOOD);
    expect((await built.load('syntax.ts')).error).toContain('syntax.ts:2:9');
    built.end();
  } finally {
    await rm(compiled, { recursive: true, force: true });
  }
});
