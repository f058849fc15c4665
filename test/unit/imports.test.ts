import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/**
 * Which part of the house may import which others of ours. The order is core ← formats ← engine ← adapters ← services
 * ← api, workers ← start ← cli; only services puts adapters together. A folder of `src` is a part, and so is each
 * file that lies in `src` itself; `workers` is one too. Whatever has no line here has no place yet.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  formats: ['core'],
  engine: ['core', 'formats'],
  operations: ['core'],
  adapters: ['core', 'formats', 'engine'],

  // The ground: they know nothing of ours.
  'setting-values': [],
  settings: ['setting-values'],
  config: ['settings'],
  embedded: [],
  'run-until-stopped': [],
  'close-all': [],
  // On the ground, for every process.
  log: ['config'],
  watchdog: ['core'],

  'engine-settings': ['engine', 'config'],
  health: ['adapters'],
  // What is bound to an account.
  'account-services': ['engine', 'operations', 'adapters'],
  // The composition root, and where a process finds the servers that it is to compose.
  services: [
    'account-services',
    'sign-in-services',
    'engine-settings',
    'health',
    'core',
    'formats',
    'engine',
    'operations',
    'adapters',
    'config',
    'log',
    'close-all',
  ],
  'sign-in-services': ['core', 'engine', 'adapters', 'config', 'close-all'],
  // What is done to accounts from the machine itself.
  caretaking: ['core', 'engine', 'adapters'],
  'alone-services': ['core', 'engine', 'operations', 'adapters', 'services', 'engine-settings', 'config'],
  'embedded-services': ['core', 'services', 'embedded', 'config', 'log', 'close-all'],
  locate: ['services', 'embedded-services', 'embedded', 'config'],

  // What files of others import, and what loads them.
  sheaf: ['core'],
  'own-operations': ['core', 'operations', 'adapters', 'sheaf', 'config'],

  // Each with an entry point (`main.ts`) of its own.
  api: [
    'caretaking',
    'account-services',
    'sign-in-services',
    'core',
    'formats',
    'engine',
    'operations',
    'own-operations',
    'services',
    'locate',
    'config',
    'log',
    'watchdog',
    'run-until-stopped',
  ],
  workers: [
    'alone-services',
    'core',
    'engine',
    'own-operations',
    'services',
    'locate',
    'config',
    'log',
    'watchdog',
    'run-until-stopped',
  ],
  migrate: ['caretaking', 'services', 'locate', 'config', 'log'],

  start: [
    'caretaking',
    'core',
    'own-operations',
    'services',
    'embedded-services',
    'embedded',
    'api',
    'workers',
    'config',
    'log',
    'watchdog',
    'close-all',
  ],
  main: ['start', 'config', 'run-until-stopped'],

  // Types alone, see TYPES_ALONE.
  client: ['core', 'api'],
  cli: [
    'caretaking',
    'locate',
    'core',
    'formats',
    'operations',
    'client',
    'api',
    'start',
    'embedded',
    'config',
    'log',
    'run-until-stopped',
    'close-all',
  ],
  web: ['client'],
};

/** It alone imports what is named at run time. */
const MAY_COMPUTE = 'src/own-operations/import-module.ts';

/** What these import of others of ours must vanish when it is compiled. */
const TYPES_ALONE: Record<string, readonly string[]> = {
  client: ['core', 'api'],
  cli: ['api'],
  api: ['operations', 'account-services', 'sign-in-services'],
};

/** Packages with a place of their own, by the start of their name. */
const HOMES: { packages: RegExp; homes: readonly string[] }[] = [
  { packages: /^(fastify($|-)|@fastify\/)/, homes: ['src/api/'] },
  { packages: /^(bullmq|pg)$/, homes: ['src/adapters/queue/'] },
  { packages: /^ioredis$/, homes: ['src/adapters/queue/', 'src/adapters/redis/'] },
  { packages: /^@(aws-sdk|smithy)\//, homes: ['src/adapters/s3/'] },
  { packages: /^jose$/, homes: ['src/adapters/jwt/'] },
  { packages: /^drizzle-orm$/, homes: ['src/adapters/postgres/'] },
  { packages: /^undici$/, homes: ['src/adapters/http-client/'] },
  // The embedded PostgreSQL has no psql: its database is created over a connection.
  { packages: /^postgres$/, homes: ['src/adapters/postgres/', 'src/embedded/postgres/'] },
];

interface Import {
  specifier: string;
  /** `import type …`: gone when compiled. */
  type: boolean;
}

const COMMENT = String.raw`//[^\n]*\n|/\*[\s\S]*?\*/`;
const FROM = new RegExp(
  String.raw`^[ \t]*(?:import|export)\s+(type\s+(?!from\b))?(?:[\w$*\s{},]|${COMMENT})*?\bfrom\s*(['"])([^'"\n]+)\2`,
  'gm',
);
const FOR_EFFECT = /^[ \t]*import\s*(['"])([^'"\n]+)\1/gm;
const CALLED = /(?<![.\w$])(?:import|require)\(\s*(?:(['"`])([^'"`$\n]+)\1)?/g;
const ENVIRONMENT =
  /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*\[|\benv\b[^;=]*\}\s*=\s*process\b|\bimport\.meta\.env\b/;

/** Everything that a source imports, the specifier of a computed import being empty. */
function importsOf(source: string): Import[] {
  return [
    ...[...source.matchAll(FROM)].map((found) => ({ specifier: found[3]!, type: found[1] !== undefined })),
    ...[...source.matchAll(FOR_EFFECT)].map((found) => ({ specifier: found[2]!, type: false })),
    ...[...source.matchAll(CALLED)].map((found) => ({ specifier: found[2] ?? '', type: false })),
  ];
}

const isOurs = (specifier: string) => specifier.startsWith('.') || specifier.startsWith('/');

function resolved(file: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(file), specifier));
}

/** The part of the house that a file belongs to; `undefined`: outside of it. */
function partOf(file: string): string | undefined {
  const [root, first, ...rest] = file.split('/');
  if (root === 'workers') return 'workers';
  if (root !== 'src' || first === undefined) return undefined;
  return rest.length > 0 ? first : first.replace(/\.ts$/, '');
}

type Sources = ReadonlyMap<string, string>;

/** Everything that is wrong with the imports of these files, a line each. */
function faultsOf(sources: Sources): string[] {
  const faults = [...sources].flatMap(([file, source]) => [
    ...importsOf(source).flatMap((found) => faultOf(sources, file, found)),
    ...(ENVIRONMENT.test(source) && file !== 'src/config.ts' ? [`${file} reads the environment`] : []),
  ]);
  return [...faults, ...cyclesOf(sources).map((cycle) => `a circle: ${cycle.join(' → ')}`)];
}

function faultOf(sources: Sources, file: string, { specifier, type }: Import): string[] {
  const part = partOf(file)!;
  if (specifier === '') return file === MAY_COMPUTE ? [] : [`${file} computes what it imports`];
  if (MAY_IMPORT[part] === undefined) return [`${file} has no place: what may ${part} import?`];
  if (!isOurs(specifier)) return packageFault(file, part, specifier);

  const target = resolved(file, specifier);
  const other = partOf(target);
  if (!sources.has(target)) return [`${file} imports ${target}, which is not there`];
  if (other === undefined) return [`${file} imports ${target}`];
  if (other === part) {
    const kind = target.split('/')[2];
    return part === 'adapters' && kind !== file.split('/')[2]
      ? [`${file} imports another adapter, ${target}`]
      : [];
  }
  if (!MAY_IMPORT[part].includes(other))
    return [`${file} imports ${target}: ${part} may not import ${other}`];
  if (TYPES_ALONE[part]?.includes(other) && !type) return [`${file} imports more than types from ${target}`];
  return [];
}

function packageFault(file: string, part: string, specifier: string): string[] {
  if (part === 'core' && specifier.startsWith('node:')) return [`${file} imports ${specifier}: core is pure`];
  if (specifier === 'node:process' || specifier === 'process')
    return [`${file} imports ${specifier}; use the global`];
  const [scope = '', name] = specifier.split('/');
  const home = HOMES.find(({ packages }) =>
    packages.test(scope.startsWith('@') ? `${scope}/${name}` : scope),
  );
  const atHome = home === undefined || home.homes.some((folder) => file.startsWith(folder));
  return atHome ? [] : [`${file} imports ${specifier}, which belongs in ${home.homes.join(' and ')}`];
}

/** Circles of imports, each told once; types count too: two files that need each other are one, or three. */
function cyclesOf(sources: Sources): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const follow = (file: string, way: string[]) => {
    const before = way.indexOf(file);
    if (before !== -1) cycles.push([...way.slice(before), file]);
    if (before !== -1 || done.has(file)) return;
    for (const { specifier } of importsOf(sources.get(file) ?? '')) {
      if (isOurs(specifier)) follow(resolved(file, specifier), [...way, file]);
    }
    done.add(file);
  };
  for (const file of sources.keys()) follow(file, []);
  return cycles;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function readSources(): Sources {
  const files = ['src', 'workers'].flatMap((folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name.replaceAll('\\', '/')}`,
    ),
  );
  const ours = files.filter((file) => file.endsWith('.ts')).sort();
  return new Map(ours.map((file) => [file, readFileSync(`${ROOT}${file}`, 'utf8')]));
}

describe('the imports of this house', () => {
  const sources = readSources();

  test('go one way', () => {
    expect(faultsOf(sources)).toEqual([]);
  });

  test('are all seen: every line that ends like an import is one', () => {
    expect(sources.size).toBeGreaterThan(100);
    for (const [file, source] of sources) {
      const looksLike = source.match(/^.*\bfrom ['"][^'"]+['"];$|^import ['"][^'"]+['"];$/gm) ?? [];
      const found = [...source.matchAll(FROM), ...source.matchAll(FOR_EFFECT)];
      expect(found.length, file).toBe(looksLike.length);
    }
  });

  test('every part of the table that is built is in use, and every file has a place', () => {
    const parts = new Set([...sources.keys()].map((file) => partOf(file)));
    for (const part of parts) expect(Object.keys(MAY_IMPORT)).toContain(part);
    for (const part of [
      'core',
      'formats',
      'engine',
      'adapters',
      'services',
      'api',
      'workers',
      'start',
      'cli',
    ])
      expect([...parts]).toContain(part);
  });

  test('the table itself has no circle', () => {
    const below = (part: string): string[] => MAY_IMPORT[part]!.flatMap((other) => [other, ...below(other)]);
    for (const part of Object.keys(MAY_IMPORT)) {
      for (const other of MAY_IMPORT[part]!) expect(Object.keys(MAY_IMPORT), part).toContain(other);
      expect(below(part), part).not.toContain(part);
    }
  });
});

describe('how imports are found', () => {
  test.each<[string, Import[]]>([
    [`import a from './a.ts';`, [{ specifier: './a.ts', type: false }]],
    [`import { a, type B } from "./a.ts";`, [{ specifier: './a.ts', type: false }]],
    [`import type { A } from './a.ts';`, [{ specifier: './a.ts', type: true }]],
    [`import type from './a.ts';`, [{ specifier: './a.ts', type: false }]],
    [`import * as a from './a.ts';`, [{ specifier: './a.ts', type: false }]],
    [`import a, { b as c, $d } from './a.ts'`, [{ specifier: './a.ts', type: false }]],
    [
      `import {\n  a,\n  // from 'nowhere'\n  b, /* c */\n} from './a.ts';`,
      [{ specifier: './a.ts', type: false }],
    ],
    [`import './a.ts';`, [{ specifier: './a.ts', type: false }]],
    [`export * from './a.ts';`, [{ specifier: './a.ts', type: false }]],
    [`export * as a from './a.ts';`, [{ specifier: './a.ts', type: false }]],
    [`export type { A } from './a.ts';`, [{ specifier: './a.ts', type: true }]],
    [`const a = await import('./a.ts');`, [{ specifier: './a.ts', type: false }]],
    ['const a = await import(`./a.ts`);', [{ specifier: './a.ts', type: false }]],
    [`const a = await import(\n  './a.ts'\n);`, [{ specifier: './a.ts', type: false }]],
    [`const a = require('pg');`, [{ specifier: 'pg', type: false }]],
    [`type A = import('./a.ts').A;`, [{ specifier: './a.ts', type: false }]],
    ['const a = await import(name);', [{ specifier: '', type: false }]],
    [`const a = await import(\`./\${name}.ts\`);`, [{ specifier: '', type: false }]],
    [
      `import a from './a.ts';\nimport b from './b.ts';`,
      [
        { specifier: './a.ts', type: false },
        { specifier: './b.ts', type: false },
      ],
    ],
    [`// import a from './a.ts';`, []],
    [`/**\n * import a from './a.ts';\n */`, []],
    [`export const a = 1;\nconst text = "taken from 'x'";`, []],
    [`export function copy(from: string) {}\nlog('from', 'x');`, []],
    [`const url = import.meta.url;`, []],
  ])('%j', (source, found) => {
    expect(importsOf(source)).toEqual(found);
  });
});

describe('what is refused', () => {
  /** The faults of some invented files; those that they import are there and import nothing. */
  function faults(files: Record<string, string>): string[] {
    const sources = new Map(Object.entries(files));
    for (const [file, source] of Object.entries(files)) {
      for (const { specifier } of importsOf(source)) {
        const target = resolved(file, specifier);
        if (isOurs(specifier) && !sources.has(target)) sources.set(target, '');
      }
    }
    return faultsOf(sources);
  }

  test.each([
    ['src/core/a.ts', `import { b } from '../formats/b.ts';`],
    ['src/core/a.ts', `import type { B } from '../engine/b.ts';`],
    ['src/core/a.ts', `export { b } from '../config.ts';`],
    ['src/core/a.ts', `const { b } = await import('../adapters/s3/b.ts');`],
    ['src/core/a.ts', `import { readFile } from 'node:fs/promises';`],
    ['src/formats/csv/a.ts', `import { b } from '../../engine/b.ts';`],
    ['src/engine/a.ts', `import { b } from '../adapters/postgres/b.ts';`],
    ['src/engine/a.ts', `import type { B } from '../api/b.ts';`],
    ['src/engine/a.ts', `import { b } from '../operations/training/b.ts';`],
    ['src/engine/a.ts', `import type { Config } from '../config.ts';`],
    ['src/adapters/s3/a.ts', `import type { B } from '../postgres/b.ts';`],
    ['src/adapters/s3/a.ts', `import type { B } from '../../services.ts';`],
    ['src/services.ts', `import { b } from './api/b.ts';`],
    ['src/services.ts', `import { b } from '../workers/b.ts';`],
    ['src/services.ts', `import { b } from './embedded/b.ts';`],
    ['src/api/a.ts', `import { b } from '../adapters/postgres/b.ts';`],
    ['src/api/routes/a.ts', `import { b } from '../../../workers/b.ts';`],
    ['src/api/a.ts', `import { b } from '../start.ts';`],
    ['workers/a.ts', `import { b } from '../src/api/b.ts';`],
    ['workers/a.ts', `import { b } from '../src/adapters/queue/b.ts';`],
    ['src/start.ts', `import { b } from './cli/b.ts';`],
    ['src/log.ts', `import { b } from './services.ts';`],
    ['src/operations/training/a.ts', `import { b } from '../../engine/b.ts';`],
    ['src/embedded/s3/a.ts', `import { b } from '../../core/b.ts';`],
    ['src/embedded/a.ts', `import type { Config } from '../config.ts';`],
    ['src/config.ts', `import type { B } from './core/b.ts';`],
    ['src/client/a.ts', `import { b } from '../core/b.ts';`],
    ['src/client/a.ts', `import { type B } from '../api/schemas/b.ts';`],
    ['src/client/a.ts', `import type { B } from '../engine/b.ts';`],
    ['src/cli/a.ts', `import { b } from '../api/b.ts';`],
    ['src/cli/a.ts', `import { b } from '../adapters/s3/b.ts';`],
    ['src/core/a.ts', `import { b } from '../../test/support/b.ts';`],
    ['src/managers/a.ts', `import { b } from '../core/b.ts';`],
    ['src/anything.ts', `import { b } from './core/b.ts';`],
    ['src/engine/a.ts', `import fastify from 'fastify';`],
    ['src/engine/a.ts', `import type { FastifyInstance } from 'fastify';`],
    ['workers/a.ts', `import swagger from '@fastify/swagger';`],
    ['src/start.ts', `import plugin from 'fastify-plugin';`],
    ['src/services.ts', `import { Queue } from 'bullmq';`],
    ['src/services.ts', `import { Redis } from 'ioredis';`],
    ['src/adapters/postgres/a.ts', `import { Redis } from 'ioredis';`],
    ['src/adapters/redis/a.ts', `import { Queue } from 'bullmq';`],
    ['src/adapters/postgres/a.ts', `import pg from 'pg';`],
    ['src/engine/a.ts', `import { S3Client } from '@aws-sdk/client-s3';`],
    ['src/adapters/queue/a.ts', `import postgres from 'postgres';`],
    ['src/embedded/s3/a.ts', `import postgres from 'postgres';`],
    ['src/engine/a.ts', `import { eq } from 'drizzle-orm';`],
    ['src/engine/a.ts', `import { jwtVerify } from 'jose';`],
    ['src/operations/http/a.ts', `import { Agent } from 'undici';`],
    ['src/engine/a.ts', `import { drizzle } from 'drizzle-orm/postgres-js';`],
    ['src/api/a.ts', `const { b } = await import('drizzle-orm/pg-core');`],
    ['src/engine/a.ts', `const name = './b.ts';\nawait import(name);`],
    ['src/engine/a.ts', 'const port = process.env.PORT;'],
    ['src/engine/a.ts', `const port = process['env'].PORT;`],
    ['src/engine/a.ts', 'const { env } = process;'],
    ['src/engine/a.ts', 'const { env: { PORT } } = process;'],
    ['src/engine/a.ts', `import { env } from 'node:process';`],
  ])('%s: %s', (file, source) => {
    expect(faults({ [file]: source })).toHaveLength(1);
  });

  test.each([
    ['src/core/a.ts', `import { b } from './b.ts';\nimport { Ajv } from 'ajv';`],
    [
      'src/engine/a.ts',
      `import { b } from '../formats/csv/b.ts';\nimport { createHash } from 'node:crypto';`,
    ],
    ['src/adapters/postgres/a.ts', `import postgres from 'postgres';\nimport { b } from '../../core/b.ts';`],
    ['src/adapters/queue/a.ts', `import pg from 'pg';\nimport type { B } from '../../engine/b.ts';`],
    ['src/adapters/redis/a.ts', `import { Redis } from 'ioredis';\nimport { b } from '../../core/b.ts';`],
    ['src/services.ts', `import { b } from './adapters/s3/b.ts';\nimport { c } from './operations/c.ts';`],
    ['src/api/routes/a.ts', `import fastify from 'fastify';\nimport { b } from '../b.ts';`],
    ['workers/a.ts', `import { b } from '../src/engine/b.ts';\nimport { c } from './c.ts';`],
    ['src/start.ts', `import { b } from '../workers/b.ts';\nimport { c } from './api/c.ts';`],
    ['src/client/a.ts', `import type { B } from '../api/schemas/b.ts';\nimport { c } from './c.ts';`],
    ['src/config.ts', 'export const environment = () => process.env;'],
  ])('but not %s: %s', (file, source) => {
    expect(faults({ [file]: source })).toEqual([]);
  });

  test('what is not there', () => {
    expect(faultsOf(new Map([['src/core/a.ts', `import { b } from './b.ts';`]]))).toEqual([
      'src/core/a.ts imports src/core/b.ts, which is not there',
    ]);
  });

  test('files that import each other, also by way of others, also only types', () => {
    expect(
      faults({
        'src/core/a.ts': `import { b } from './b.ts';`,
        'src/core/b.ts': `import { a } from './a.ts';`,
      }),
    ).toEqual(['a circle: src/core/a.ts → src/core/b.ts → src/core/a.ts']);
    expect(
      faults({
        'src/core/a.ts': `import { b } from './b.ts';`,
        'src/core/b.ts': `export * from './c.ts';`,
        'src/core/c.ts': `import type { B } from './b.ts';`,
      }),
    ).toEqual(['a circle: src/core/b.ts → src/core/c.ts → src/core/b.ts']);
    expect(faults({ 'src/core/a.ts': `import './a.ts';` })).toHaveLength(1);
  });

  test('but not two ways to the same file', () => {
    const two = `import './c.ts';`;
    expect(faults({ 'src/core/a.ts': `import './b.ts';\n${two}`, 'src/core/b.ts': two })).toEqual([]);
  });
});
