import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check } from 'recheck';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseAst } from 'vitest/node';
import { BUILT_IN_OPERATIONS } from '../../src/operations/built-in.ts';
import { apiInMemory, type World } from './api-memory.ts';

/**
 * That no pattern takes longer than it should: one whose time grows with the square of what it is given, or worse, lets
 * one small request hold a whole process. Every regular expression of the sources and every pattern of a schema is
 * looked at, so that a new one is too.
 */

interface Found {
  file: string;
  source: string;
  flags: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function sourcesIn(folder: string): string[] {
  return readdirSync(ROOT + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`);
}

const FILES = ['src', 'workers', 'bin'].flatMap((folder) => sourcesIn(folder));

type Node = { type?: string } & Record<string, unknown>;

/** All nodes of a syntax tree. */
function* nodesOf(value: unknown): Generator<Node> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Node;
  for (const member of Object.values(value)) yield* nodesOf(member);
}

const literals: Found[] = [];
/** Where expressions are put together while the program runs. */
const computed: string[] = [];
for (const file of FILES) {
  for (const node of nodesOf(parseAst(readFileSync(ROOT + file, 'utf8'), { lang: 'ts' }))) {
    const regex = node.regex as { pattern: string; flags: string } | undefined;
    if (node.type === 'Literal' && regex) literals.push({ file, source: regex.pattern, flags: regex.flags });
    const callee = node.callee as { name?: string } | undefined;
    if (callee?.name === 'RegExp') computed.push(file);
  }
}

/** Patterns as schemas have them: `pattern`, and the keys of `patternProperties`. */
function patternsIn(file: string, schema: unknown): Found[] {
  const found: string[] = [];
  for (const node of nodesOf(schema)) {
    if (typeof node.pattern === 'string') found.push(node.pattern);
    const { patternProperties } = node;
    if (typeof patternProperties === 'object' && patternProperties !== null)
      found.push(...Object.keys(patternProperties));
  }
  return [...new Set(found)].map((source) => ({ file, source, flags: 'u' }));
}

/**
 * Why one may stay that `recheck` does not call safe, by its source. None of them sees what somebody else has sent, but
 * in a length that makes no difference.
 */
const ALLOWED: Record<string, string> = {
  '\\/+$': 'the address that a program gives its own client',
  '([eE][+-]?)0+(?=\\d)': 'a number of JSON, which has one exponent at most',
  '^[\\d.,:/+-]*\\d[\\d.,:/+ -]*$': 'the first 100 characters of a column’s name',
  '([A-Za-z])\\1*|\\[[^[\\]]+\\]|.': 'a pattern of dates, whose length the request’s schema bounds',
  'could not bind .*in use': 'the last lines that our own PostgreSQL has logged',
  '^x-amz-checksum-(?!mode$|algorithm$)\\w+$': 'the name of a header; all of them have 32 KiB',
  '\\.?0+Z$': 'a moment that was read already, and is written anew',
  '(\\?|%3F)tsx-commonjs-.*$': 'the name of a module that this process loads',
  '^file:(?!.*\\/node_modules\\/).*\\.[jt]s(\\?|$)': 'the name of a module that this process loads',
  '([-?] +){200}': 'a definition that whoever runs this Sheaf has written',
  'file:\\/\\/[^\\s)]+?(?=:\\d+:\\d+)': 'a line of a stack',
};

/** What `recheck` says of an expression, when it does not say that it is safe; the same every time. */
async function faultOf({ file, source, flags }: Found): Promise<string[]> {
  const verdict = await check(source, flags, { timeout: 60_000, randomSeed: 1 });
  if (verdict.status === 'safe') return [];
  const why =
    verdict.status === 'vulnerable'
      ? `${verdict.complexity.summary}, by ${verdict.attack.pattern}`
      : verdict.error.kind;
  return [`${file}: /${source}/${flags} is ${verdict.status}: ${why}`];
}

async function faultsOf(found: readonly Found[]): Promise<string[]> {
  const open = found.filter(({ source }) => !Object.hasOwn(ALLOWED, source));
  return (await Promise.all(open.map(faultOf))).flat().sort();
}

/** Runs what puts expressions together, and notes those that our own sources make. */
async function computedWhile(work: () => Promise<void>): Promise<Found[]> {
  const found: Found[] = [];
  const Native = globalThis.RegExp;
  globalThis.RegExp = new Proxy(Native, {
    construct(target, [source, flags = '']: [string, string?]) {
      const [, , caller = ''] = new Error('where').stack?.split('\n') ?? [];
      const file = FILES.find((name) => caller.includes(ROOT + name));
      if (file !== undefined) found.push({ file, source: String(source), flags });
      return new target(source, flags);
    },
  });
  try {
    await work();
  } finally {
    globalThis.RegExp = Native;
  }
  return found;
}

async function makeAll(): Promise<void> {
  vi.resetModules();
  for (const file of new Set(computed)) await import(/* @vite-ignore */ ROOT + file);
  const { numberReader } = await import('../../src/core/number-notation.ts');
  for (const decimal of ['.', ','] as const)
    for (const thousands of [null, '.', ',', ' ', "'"] as const)
      if (decimal !== thousands) numberReader({ decimal, thousands }, false);
  const { parseDatePattern } = await import('../../src/core/date-pattern.ts');
  for (const pattern of ['DD.MM.YYYY', 'D/M/YYYY H:mm:ss', 'YYYY-MM-DD[T]HH:mm:ss.SSS', 'YYYYMMDD[.*+(]'])
    expect(parseDatePattern(pattern)).not.toHaveProperty('problem');
  const { CsvWriter } = await import('../../src/formats/csv/write.ts');
  new CsvWriter({ delimiter: 0x2c, quote: 0x22 });
  const { Redactor } = await import('../../src/operations/http/redact.ts');
  new Redactor(['a+b', '(c*)*']);
  const { storeProblem } = await import('../../src/client/sheaf-error.ts');
  storeProblem(403, '<Code>AccessDenied</Code>');
}

describe('every regular expression is safe', () => {
  test('of the sources', async () => {
    expect(literals.length).toBeGreaterThan(100);
    expect(await faultsOf(literals)).toEqual([]);
  }, 300_000);

  test('of those that are put together', async () => {
    const made = await computedWhile(makeAll);
    expect(new Set(made.map(({ file }) => file))).toEqual(new Set(computed));
    expect(await faultsOf(made)).toEqual([]);
    const sources = new Set([...literals, ...made].map(({ source }) => source));
    expect(Object.keys(ALLOWED).filter((source) => !sources.has(source))).toEqual([]);
  }, 300_000);
});

describe('every pattern of a schema is safe', () => {
  let world: World;
  beforeAll(async () => {
    world = await apiInMemory();
  });
  afterAll(() => world.app.close());

  test('of the routes', async () => {
    const patterns = patternsIn('/openapi.json', (await world.get('/openapi.json')).json());
    expect(patterns.length).toBeGreaterThan(3);
    expect(await faultsOf(patterns)).toEqual([]);
  }, 300_000);

  test('of the operations', async () => {
    const patterns = BUILT_IN_OPERATIONS.flatMap(({ name, input, output, settings }) =>
      patternsIn(name, [input, output, settings]),
    );
    expect(patterns.length).toBeGreaterThan(3);
    expect(await faultsOf(patterns)).toEqual([]);
  }, 300_000);
});

test('one that is not safe is found', async () => {
  expect(await faultsOf([{ file: 'x', source: '^(a+)+$', flags: '' }])).toEqual([
    expect.stringContaining('x: /^(a+)+$/ is vulnerable: exponential'),
  ]);
});
