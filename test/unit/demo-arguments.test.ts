import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEMO_HELP, parseDemoArguments, UsageError } from '../../src/cli/demo-arguments.ts';
import { checkFile, resultsDirectory, shownPath, whereFrom } from '../../src/cli/demo-file.ts';
import { typedFormat } from '../../src/cli/typed-format.ts';
import { typedSettings } from '../../src/cli/typed-settings.ts';

const words = (line: string) => line.split(' ').filter((word) => word !== '');

describe('arguments', () => {
  test('none: the sample', () => {
    expect(parseDemoArguments([])).toEqual({
      file: null,
      operation: null,
      mapping: {},
      format: {},
      settings: {},
      onInvalid: 'skip',
      keep: false,
    });
  });

  test('all of them', () => {
    const line = '--keep people.csv --operation create_learner --map Mail=email --map=Id=learner_id';
    const format = '--format delimiter=; --format dates=DD.MM.YYYY --format sheet= --format dates=M/D/YYYY';
    expect(
      parseDemoArguments([
        ...words(`${line} ${format}`),
        ...['--set', 'on_duplicate=update', '--on-invalid', 'reject'],
      ]),
    ).toEqual({
      file: 'people.csv',
      operation: 'create_learner',
      mapping: { Mail: 'email', Id: 'learner_id' },
      format: { delimiter: ';', dates: ['DD.MM.YYYY', 'M/D/YYYY'], sheet: '' },
      settings: { on_duplicate: 'update' },
      onInvalid: 'reject',
      keep: true,
    });
  });

  test('a column may be called anything, a value may hold or lack anything', () => {
    const args = ['f', '--map', 'a = b=email', '--set', 'query=x=1', '--set', 'note='];
    expect(parseDemoArguments(args)).toMatchObject({
      mapping: { 'a = b': 'email' },
      settings: { query: 'x=1', note: '' },
    });
  });

  test('a column called like something of JavaScript stays a column', () => {
    const { mapping } = parseDemoArguments(['f', '--map', '__proto__=email']) as { mapping: object };
    expect(Object.entries(mapping)).toEqual([['__proto__', 'email']]);
  });

  test('a missing operation is told later, with the list of those there are', () => {
    expect(parseDemoArguments(['f'])).toMatchObject({ file: 'f', operation: null });
  });

  test.each(['--help', '-h', '--help people.csv'])('%s', (line) => {
    expect(parseDemoArguments(words(line))).toBe('help');
  });

  test.each([
    ['f --map Mail', 'COLUMN=FIELD'],
    ['f --map =email', 'COLUMN=FIELD'],
    ['f --map Mail=', 'COLUMN=FIELD'],
    ['f --map Mail=email --map Mail=phone', '--map names "Mail" twice'],
    ['f --set a=1 --set a=1', '--set names "a" twice'],
    ['f --set update', '--set takes KEY=VALUE, for example --set on_duplicate=update, not "update"'],
    ['f --format xlsx', '--format takes KEY=VALUE, for example --format decimal=,, not "xlsx"'],
    ['f --format =csv', 'KEY=VALUE'],
    ['f --format type=csv --format type=csv', '--format names "type" twice'],
    ['--format type=csv', 'name it first'],
    ['f --set =update', 'KEY=VALUE'],
    ['f --on-invalid maybe', 'reject or skip'],
    ['a.csv b.csv', 'one file at a time, not "a.csv" and "b.csv"'],
    ['--operation create_learner', 'name it first'],
    ['--map a=b', 'name it first'],
    ['f --operatoin x', "Unknown option '--operatoin'"],
    ['f --keep=yes', '--keep'],
    ['f --operation', '--operation'],
  ])('%s is refused with what to do', (line, message) => {
    expect(() => parseDemoArguments(words(line))).toThrow(UsageError);
    expect(() => parseDemoArguments(words(line))).toThrow(message);
  });

  test('the help fits a terminal and names every option', () => {
    for (const line of DEMO_HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    for (const option of ['operation', 'map', 'format', 'set', 'on-invalid', 'keep', 'help']) {
      expect(DEMO_HELP).toContain(`--${option}`);
    }
  });
});

describe('settings of the operation', () => {
  const schema = {
    properties: {
      mode: { enum: ['fail', 'update'] },
      most: { type: 'integer' },
      share: { type: 'number' },
      loud: { type: 'boolean' },
      days: { type: 'array' },
    },
  };

  test('get the type of the schema', () => {
    const written = { mode: 'update', most: '12', share: '0.5', loud: 'true', days: '["monday"]' };
    expect(typedSettings(written, schema)).toEqual({
      mode: 'update',
      most: 12,
      share: 0.5,
      loud: true,
      days: ['monday'],
    });
  });

  test('what does not fit stays as it is, for the API to refuse', () => {
    const written = { most: 'many', share: '', loud: 'yes', days: '[', unknown: '1', constructor: '1' };
    expect(typedSettings(written, schema)).toEqual(written);
    expect(typedSettings({ a: '1' }, undefined)).toEqual({ a: '1' });
  });
});

describe('the format of the file', () => {
  test('gets the types of the API', () => {
    const written = { header_row: '3', delimiter: '\\t', quote: "'", decimal: ',', dates: ['DD.MM.YYYY'] };
    expect(typedFormat(written)).toEqual({ ...written, header_row: 3, delimiter: '\t' });
  });

  test('what does not fit stays as it is, for the API to refuse', () => {
    const written = { header_row: 'third', delimiter: 'tab', sheet: '\\t', constructor: '1' };
    expect(typedFormat(written)).toEqual(written);
    expect(typedFormat({ header_row: '-1' })).toEqual({ header_row: '-1' });
  });
});

describe('the file', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sheaf-demo-test-'));
    await writeFile(join(directory, 'people.csv'), 'a\n');
  });
  afterAll(async () => await rm(directory, { recursive: true }));

  test('is found from where the person is', async () => {
    expect(await checkFile('people.csv', directory)).toBe(join(directory, 'people.csv'));
    expect(await checkFile(join(directory, 'people.csv'), '/')).toBe(join(directory, 'people.csv'));
  });

  test.each([
    ['missing.csv', 'there is no file'],
    ['people.csv/x', 'there is no file'],
    ['.', 'is not a file'],
  ])('%s is refused', async (name, message) => {
    await expect(checkFile(name, directory)).rejects.toThrow(message);
    await expect(checkFile(name, directory)).rejects.toBeInstanceOf(UsageError);
  });

  test.each([
    ['/data/learners.csv', 'learners'],
    ['/data/learners.csv.gz', 'learners'],
    ['/data/learners.CSV.GZ', 'learners'],
    ['/data/learners', 'learners'],
    ['/data/.gz', '.gz'],
    ['/data/2026.01.csv', '2026.01'],
  ])('the results of %s are in %s', (file, name) => {
    expect(resultsDirectory(file, '/home')).toBe(join('/home', 'sheaf-demo', name));
  });

  test('npm tells where it was called; a variable that some other npm left behind does not count', () => {
    expect(whereFrom({ npm_lifecycle_event: 'demo', INIT_CWD: '/there' }, '/here')).toBe('/there');
    expect(whereFrom({ INIT_CWD: '/there' }, '/here')).toBe('/here');
    expect(whereFrom({}, '/here')).toBe('/here');
  });

  test('paths are shown as one would type them', () => {
    expect(shownPath('/home/sheaf-demo/all.ndjson', '/home')).toBe('./sheaf-demo/all.ndjson');
    expect(shownPath('/data/x.csv', '/home')).toBe('/data/x.csv');
  });
});
