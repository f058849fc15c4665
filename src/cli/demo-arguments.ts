import { parseArgs } from 'node:util';

/** The command was called wrongly; the message says what to do. The process ends with 2. */
export class UsageError extends Error {}

export interface DemoRun {
  /** `null`: the sample. */
  file: string | null;
  /** `null` where it was left out, which is right for the sample only. */
  operation: string | null;
  mapping: Record<string, string>;
  /** What is said of the file, as it was written. */
  format: Record<string, string | string[]>;
  /** As they were written; the operation's schema says what type they have. */
  settings: Record<string, string>;
  onInvalid: 'reject' | 'skip';
  keep: boolean;
}

export const DEMO_HELP = `Usage:
  npm run demo
      a sample of 100,000 learners, some of them bad, from the upload to the results
  npm run demo -- FILE --operation NAME [options]
      the same with a file of your own: CSV, NDJSON, JSON or XLSX, gzipped or not

Options:
  --operation NAME          what to do with each record, e.g. create_learner
  --map COLUMN=FIELD        which column of the file fills a field; may be repeated
  --format KEY=VALUE        what is to be known of the file; may be repeated: delimiter=';'
                            sheet=People header_row=3 decimal=, dates=DD.MM.YYYY time_zone=+01:00
  --set KEY=VALUE           a setting of the operation, e.g. on_duplicate=update; may be repeated
  --on-invalid skip|reject  process the good records (skip, the default), or none if one is bad
  --keep                    stay up until Ctrl-C, and keep the data
  --help                    this text

Everything runs on this machine, on a temporary directory. The results go to ./sheaf-demo/.
`;

/** @throws {UsageError} */
export function parseDemoArguments(args: readonly string[]): DemoRun | 'help' {
  const { values, positionals } = parsed(args);
  if (values.help) return 'help';
  const [file, ...more] = positionals;
  if (more.length > 0) {
    const called = positionals.map((name) => JSON.stringify(name)).join(' and ');
    throw new UsageError(`one file at a time, not ${called}; quote a name that has spaces`);
  }
  if (file === undefined && (values.operation ?? values.map ?? values.format) !== undefined) {
    throw new UsageError('--operation, --map and --format are for a file of your own: name it first');
  }
  return {
    file: file ?? null,
    operation: values.operation ?? null,
    mapping: eachOnce('--map', (values.map ?? []).map(columnAndField)),
    format: ofFormat((values.format ?? []).map((text) => keyAndValue('--format', text, 'decimal=,'))),
    settings: eachOnce(
      '--set',
      (values.set ?? []).map((text) => keyAndValue('--set', text, 'on_duplicate=update')),
    ),
    onInvalid: onInvalid(values['on-invalid'] ?? 'skip'),
    keep: values.keep ?? false,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        operation: { type: 'string' },
        map: { type: 'string', multiple: true },
        format: { type: 'string', multiple: true },
        set: { type: 'string', multiple: true },
        'on-invalid': { type: 'string' },
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error;
    // Node's own explanation of quoting (“To specify …”) is longer than the message.
    throw new UsageError(error.message.split('. ')[0] ?? error.message);
  }
}

function eachOnce(option: string, entries: [string, string][]): Record<string, string> {
  const names = entries.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`${option} names ${JSON.stringify(twice)} twice`);
  return Object.fromEntries(entries);
}

/** Split at the last `=`: a column may be called anything, a field has none in its name. */
function columnAndField(text: string): [string, string] {
  const at = text.lastIndexOf('=');
  if (at <= 0 || at === text.length - 1) {
    throw new UsageError(
      `--map takes COLUMN=FIELD, for example --map "E-mail=email", not ${JSON.stringify(text)}`,
    );
  }
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Split at the first `=`: the value may hold more of them, or be empty. */
function keyAndValue(option: string, text: string, example: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) {
    throw new UsageError(
      `${option} takes KEY=VALUE, for example ${option} ${example}, not ${JSON.stringify(text)}`,
    );
  }
  return [text.slice(0, at), text.slice(at + 1)];
}

/** There may be several patterns of dates; of everything else there is one. */
function ofFormat(entries: [string, string][]): Record<string, string | string[]> {
  const dates = entries.filter(([key]) => key === 'dates').map(([, pattern]) => pattern);
  const others = eachOnce(
    '--format',
    entries.filter(([key]) => key !== 'dates'),
  );
  return dates.length === 0 ? others : { ...others, dates };
}

function onInvalid(value: string): 'reject' | 'skip' {
  if (value === 'reject' || value === 'skip') return value;
  throw new UsageError(`--on-invalid takes reject or skip, not ${JSON.stringify(value)}`);
}
