import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE } from '../../src/cli/demo-file.ts';
import { summarizeSample } from '../../src/cli/sample/learners.ts';
import { ROOT } from '../support/sheaf-process.ts';

/** `npm run demo` as a newcomer runs it, from a directory of their own. */

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-demo-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function demo(...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/demo.ts', ...args], {
    cwd: ROOT,
    // npm tells by INIT_CWD where it was called; temporary files go where the test can look for leftovers.
    env: { ...process.env, INIT_CWD: directory, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output, errors };
}

async function results(name: string) {
  const text = await readFile(join(directory, 'sheaf-demo', name, 'all.ndjson'), 'utf8');
  const manifest = JSON.parse(await readFile(join(directory, 'sheaf-demo', name, 'manifest.json'), 'utf8'));
  const all = manifest.files.find((file: { kind: string }) => file.kind === 'all');
  expect(createHash('sha256').update(text).digest('hex')).toBe(all.sha256);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('npm run demo', () => {
  it('takes the sample from the upload to its results, with exactly the bad records that were put into it', async () => {
    const { code, output, errors } = await demo();
    expect(errors).toBe('');
    expect(code).toBe(0);

    const { bad, codes } = summarizeSample(SAMPLE);
    expect(output).toMatch(/succeeded +99,683/);
    expect(output).toMatch(new RegExp(`failed +${bad}\\b`));
    const lines = await results('learners');
    expect(lines.map((line) => line.record)).toEqual(Array.from({ length: SAMPLE.records }, (_, n) => n + 1));
    const counted: Record<string, number> = {};
    for (const line of lines) {
      if (line.status === 'failed') counted[line.error.code] = (counted[line.error.code] ?? 0) + 1;
    }
    expect(counted).toEqual(codes);
    // What it started is gone, and so is its data.
    const left = (await readdir(directory)).filter((name) => !name.startsWith('tsx-'));
    expect(left).toEqual(['sheaf-demo']);
  });

  it('takes a file of one’s own, with a mapping: the first of two equal keys wins', async () => {
    const rows = Array.from({ length: 2500 }, (_, n) => `AAA,${n % 1000},Scotland`);
    await writeFile(join(directory, 'own.csv'), `code,id_student,region\n${rows.join('\n')}\n`);
    const { code, output } = await demo(
      'own.csv',
      '--operation',
      'create_learner',
      '--map',
      'id_student=learner_id',
    );
    expect(code).toBe(0);
    expect(output).toMatch(/duplicate_learner_id +1,500/);
    const lines = await results('own');
    expect(lines.map((line) => line.status)).toEqual([
      ...Array.from({ length: 1000 }, () => 'succeeded'),
      ...Array.from({ length: 1500 }, () => 'failed'),
    ]);
  });

  it('says what is wrong with how it was called, and with a file that is bad', async () => {
    const missing = await demo('nowhere.csv', '--operation', 'create_learner');
    expect(missing).toMatchObject({ code: 2, errors: expect.stringContaining('nowhere.csv') });

    await writeFile(join(directory, 'bad.csv'), 'learner_id,score\nada,101\n');
    const bad = await demo('bad.csv', '--operation', 'create_learner', '--on-invalid', 'reject');
    expect(bad.code).toBe(1);
    expect(bad.output).toContain('validation_failed');
    expect(bad.output).toContain('must be at most 100');
  });
});
