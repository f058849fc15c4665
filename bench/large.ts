import { parseArgs } from 'node:util';
import { LAYOUTS, type LayoutName } from './large/layouts.ts';
import { type Measured, measure } from './large/run.ts';
import { SAMPLE_FORMATS, type SampleFormat } from './large/sample-file.ts';

/**
 * Whether memory stays flat: a large file against one of a tenth, each through processes of its own, whose peaks (VmHWM)
 * are compared; and the rate of each stage, by the times at which the batch entered its statuses. Linux only.
 *
 *   node --import tsx bench/large.ts [--records 5000000] [--baseline 500000] [--layout together] [--layout apart]
 *     [--format csv|xlsx]
 */

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '5000000' },
    baseline: { type: 'string' },
    format: { type: 'string', default: 'csv' },
    layout: { type: 'string', multiple: true, default: Object.keys(LAYOUTS) },
  },
});
const records = Number(values.records);
const baseline = Number(values.baseline ?? Math.round(records / 10));
const format = SAMPLE_FORMATS.find((known) => known === values.format);
if (format === undefined) throw new Error(`--format is one of ${SAMPLE_FORMATS.join(', ')}`);
const names = values.layout.map((name): LayoutName => {
  if (Object.hasOwn(LAYOUTS, name)) return name as LayoutName;
  throw new Error(`--layout is one of ${Object.keys(LAYOUTS).join(', ')}`);
});

for (const layout of names) {
  const small = await measured(layout, format, baseline);
  const large = await measured(layout, format, records);
  for (const [name, peak] of Object.entries(large.peaks)) {
    const ratio = (peak / small.peaks[name]!).toFixed(2);
    print(`${layout}: peak of ${name}: ${small.peaks[name]} MB, then ${peak} MB: ${ratio} times as much`);
  }
}

async function measured(layout: LayoutName, format: SampleFormat, size: number): Promise<Measured> {
  process.stderr.write(`${layout}, ${size.toLocaleString('en')} records\n`);
  const it = await measure(layout, format, size);
  const { copying, ...others } = it.seconds;
  const rates = Object.entries(others)
    .filter(([status]) => status !== 'copied' || format === 'xlsx')
    .map(([status, seconds]) => `${status} ${Math.round(size / seconds).toLocaleString('en')}/s`);
  print(
    `${layout}, ${size.toLocaleString('en')} records (${Math.round(it.bytes / 1e6)} MB) in ${it.total.toFixed(1)} s: ` +
      `copying ${Math.round(it.bytes / 1e6 / copying)} MB/s, ${rates.join(', ')}; ` +
      Object.entries(it.peaks)
        .map(([name, peak]) => `${name} ${peak} MB`)
        .join(', '),
  );
  return it;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
