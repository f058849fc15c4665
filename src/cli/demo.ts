import { SheafClient } from '../client/client.ts';
import { SheafError } from '../client/sheaf-error.ts';
import { type Environment, environment } from '../config.ts';
import type { Running } from '../start.ts';
import { DEMO_HELP, type DemoRun, parseDemoArguments, UsageError } from './demo-arguments.ts';
import { runDemoBatch } from './demo-batch.ts';
import { checkFile, SAMPLE, shownPath, whereFrom, writeSample } from './demo-file.ts';
import { type Cleanup, startDemoServices } from './demo-services.ts';
import { formatDuration, formatRecords, visible } from './format.ts';
import { Interrupted, watchInterruption } from './interruption.ts';
import { type Paint, paintFor } from './paint.ts';
import { WIDEST } from './progress-lines.ts';
import { PlainView, type ProgressView, TerminalView } from './progress-view.ts';
import { type Outcome, summaryLines } from './summary.ts';

/** `npm run demo`: everything on this machine, one file from the upload to the results. */
process.exit(await main(process.argv.slice(2), environment()));

/** The exit code: 0 completed, 1 anything else that went wrong, 2 called wrongly, 130 interrupted. */
async function main(args: readonly string[], env: Environment): Promise<number> {
  const interrupted = watchInterruption();
  const paint = paintFor(process.stdout.isTTY === true, env);
  const view = isRedrawable(env) ? new TerminalView(process.stdout, paint) : new PlainView(process.stdout);
  const cleanup: Cleanup = [];
  let code: number;
  try {
    const run = parseDemoArguments(args);
    if (run === 'help') {
      process.stdout.write(DEMO_HELP);
      return 0;
    }
    code = await demonstrate({ run, env, view, paint, interrupted, cleanup });
  } catch (error) {
    view.stop();
    code = tell(interrupted.aborted ? interrupted.reason : error);
  }
  for (const undo of cleanup.reverse()) {
    try {
      await undo();
    } catch (error) {
      code = Math.max(code, tell(error));
    }
  }
  return code;
}

function isRedrawable(env: Environment): boolean {
  return process.stdout.isTTY === true && env.TERM !== 'dumb';
}

function tell(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  const whose = error instanceof SheafError && error.status > 0 ? 'the server answered: ' : '';
  if (error instanceof Interrupted) {
    process.stderr.write(`\n  stopping (${message})\n`);
    return 130;
  }
  process.stderr.write(`\ndemo: ${whose}${message}\n`);
  if (!(error instanceof UsageError)) return 1;
  process.stderr.write('npm run demo -- --help tells how to call it\n');
  return 2;
}

interface Demo {
  run: DemoRun;
  env: Environment;
  view: ProgressView;
  paint: Paint;
  interrupted: AbortSignal;
  cleanup: Cleanup;
}

async function demonstrate({ run, env, view, paint, interrupted, cleanup }: Demo): Promise<number> {
  const from = whereFrom(env, process.cwd());
  const own = run.file === null ? null : await checkFile(run.file, from);

  const begun = performance.now();
  process.stdout.write('\n');
  const running = await startDemoServices(env, { keep: run.keep, cleanup });
  interrupted.throwIfAborted();
  const took = formatDuration((performance.now() - begun) / 1000);
  view.note('start', `PostgreSQL, queue, S3, API and workers are up in ${took}`);

  let outcome: Outcome;
  try {
    const path = own ?? (await writeSample(from, interrupted));
    const shown = visible(shownPath(path, from));
    if (own !== null) view.note('file', shown);
    else view.note('sample', `${formatRecords(SAMPLE.records)}, ${SAMPLE.bad} of them bad: ${shown}`);
    const client = new SheafClient({ baseUrl: running.url, apiKey: running.adminKey });
    outcome = await runDemoBatch({ client, run, path, from, view, signal: interrupted });
  } catch (error) {
    throw interrupted.aborted ? interrupted.reason : error;
  }
  const width = Math.min(WIDEST, process.stdout.columns || WIDEST);
  process.stdout.write(`${summaryLines(outcome, width, paint).join('\n')}\n`);
  if (run.keep) await stayUp(running, outcome.batch.batch, { paint, interrupted });
  return outcome.batch.status === 'completed' ? 0 : 1;
}

/** Until Ctrl-C, which is the ordinary end of it. */
async function stayUp(
  running: Running,
  batch: string,
  { paint, interrupted }: Pick<Demo, 'paint' | 'interrupted'>,
): Promise<void> {
  const { url, adminKey, adminPassword, dataDirectory } = running;
  const lines = [
    `  ${paint.bold('Still up, until Ctrl-C')}`,
    `  API    ${url}`,
    `  docs   ${url}/docs`,
    `  key    ${adminKey}`,
    ...(adminPassword === null ? [] : [`  user   admin, with the password ${adminPassword}`]),
    `  data   ${dataDirectory}`,
    `  again  SHEAF_DATA_DIR=${dataDirectory} npm start`,
    '',
    `  curl -H 'Authorization: Bearer ${adminKey}' \\`,
    `    ${url}/batches/${batch}`,
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
}
