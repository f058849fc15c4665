import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Batch } from '../api/schemas/batch.ts';
import type { BatchRequest } from '../api/schemas/batch-request.ts';
import type { OperationView } from '../api/schemas/operation.ts';
import type { SheafClient } from '../client/client.ts';
import { hashFile } from '../client/hash-file.ts';
import { SheafError } from '../client/sheaf-error.ts';
import { type DemoRun, UsageError } from './demo-arguments.ts';
import { resultsDirectory, SAMPLE_OPERATION, shownPath } from './demo-file.ts';
import { countFailures, type Failures } from './failures.ts';
import { visible } from './format.ts';
import { batchProgress, type ProgressView } from './progress-view.ts';
import type { Outcome, SavedFile } from './summary.ts';
import { typedFormat } from './typed-format.ts';
import { typedSettings } from './typed-settings.ts';

/** What a client does with the API, step by step; the services may run anywhere. */
export interface DemoBatch {
  client: SheafClient;
  run: DemoRun;
  /** The file to send. */
  path: string;
  /** Below which directory the results are put. */
  from: string;
  view: ProgressView;
  signal: AbortSignal;
}

/** Uploads the file, makes the batch, follows it to its end, fetches the results. */
export async function runDemoBatch(demo: DemoBatch): Promise<Outcome> {
  const { client, view, signal } = demo;
  const operation = await findOperation(demo);
  const { size } = await stat(demo.path);
  await removeResults(resultsDirectory(demo.path, demo.from));
  const created = await submit(demo, operation, size);
  view.note('batch', created.batch);
  const batch = await client.follow(created.batch, { signal, onUpdate: batchProgress(view, size) });
  view.stop();
  const files = batch.results_ready ? await fetchResults(demo, batch) : [];
  const report = files.find(({ kind }) => kind === 'errors');
  const failures: Failures = report === undefined ? { codes: [] } : await countFailures(report.saved, signal);
  return { batch, failures, files };
}

/** Those of an earlier run would look like this one's, should this one come to none. */
async function removeResults(directory: string): Promise<void> {
  const names = ['all.ndjson', 'failed.ndjson', 'errors.ndjson', 'manifest.json'];
  await Promise.all(names.map((name) => rm(join(directory, name), { force: true })));
}

/** @throws {UsageError} that lists the operations there are */
async function findOperation({ client, run, signal }: DemoBatch): Promise<OperationView> {
  const name = run.file === null ? SAMPLE_OPERATION : run.operation;
  const operations = await client.getOperations(signal);
  const found = operations.find((operation) => operation.name === name);
  if (found !== undefined) return found;
  const what =
    name === null ? 'name an operation with --operation' : `there is no operation "${visible(name)}"`;
  const widest = Math.max(...operations.map((operation) => operation.name.length));
  const list = operations.map((operation) => `  ${operation.name.padEnd(widest)}  ${operation.title}`);
  throw new UsageError([`${what}; there are`, ...list].join('\n'));
}

async function submit(demo: DemoBatch, operation: OperationView, size: number): Promise<Batch> {
  const { client, run, path, view, signal } = demo;
  const hash = await hashFile(path, { signal });
  const begun = performance.now();
  const handler = await client.uploadFile(path, {
    about: { filename: basename(path), hash },
    signal,
    onProgress: (done, of) => {
      const perSecond = (1000 * done) / Math.max(1, performance.now() - begun);
      const left = Math.ceil((of - done) / perSecond);
      view.running({ label: 'upload', unit: 'bytes', done, of, perSecond, secondsLeft: [left, left] });
    },
  });
  view.ended({ label: 'upload', unit: 'bytes', amount: size, seconds: (performance.now() - begun) / 1000 });
  try {
    return await client.createBatch(
      {
        handler,
        operation: operation.name,
        hash,
        mapping: run.mapping,
        // Whatever was written: it is the API that checks it.
        format: typedFormat(run.format) as NonNullable<BatchRequest['format']>,
        on_invalid: run.onInvalid,
        settings: typedSettings(run.settings, operation.settings),
      },
      signal,
    );
  } catch (error) {
    throw error instanceof SheafError && error.code === 'invalid_request' ? wrongArguments(error) : error;
  }
}

/** What the API finds wrong with the batch was written on the command line. */
function wrongArguments(error: SheafError): UsageError {
  const places = error.errors.map(({ pointer, message }) => `  ${visible(pointer)}: ${visible(message)}`);
  const text = [
    'the API does not take the batch:',
    ...(places.length > 0 ? places : [`  ${visible(error.detail)}`]),
  ];
  return new UsageError(text.join('\n'));
}

/** A person wants all results, and those of the failed records where there are any. */
function isOfUse({ kind, records }: { kind: string; records: number }): boolean {
  return kind === 'all' || kind === 'manifest' || (records > 0 && (kind === 'failed' || kind === 'errors'));
}

/** Downloads the files that are of use; each has its name only when its SHA-256 is the one that the API told. */
async function fetchResults(
  { client, path, from, signal }: DemoBatch,
  { batch }: Batch,
): Promise<(SavedFile & { saved: string })[]> {
  const directory = resultsDirectory(path, from);
  await mkdir(directory, { recursive: true });
  const files: (SavedFile & { saved: string })[] = [];
  for (const file of (await client.getResults(batch, signal)).files.filter(isOfUse)) {
    const saved = join(directory, `${file.kind}.${file.format}`);
    await client.download(file, saved, { signal });
    const { kind, bytes, records } = file;
    files.push({ path: shownPath(saved, from), saved, kind, bytes, records });
  }
  return files;
}
