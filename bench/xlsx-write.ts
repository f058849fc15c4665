import { Writable } from 'node:stream';
import { setTimeout as passed } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { WorkbookWriter } from '../src/formats/xlsx/write/workbook-writer.ts';

/**
 * Rows a second of the workbook writer, and the most memory that the process ever had: 8 columns, one of them numbers.
 *
 *   node --import tsx bench/xlsx-write.ts [--rows 1000000] [--output 20] [--marks]
 *
 * --output: MB a second that the output takes; it takes everything at once without. --marks: a bad cell in each row.
 */

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    output: { type: 'string' },
    marks: { type: 'boolean' },
  },
});
const rows = Number(values.rows);
const bytesPerMs = Number(values.output ?? Number.POSITIVE_INFINITY) * 1000;

let bytes = 0;
const output = new Writable({
  async write(piece: Buffer, _encoding, taken) {
    bytes += piece.length;
    if (bytesPerMs !== Number.POSITIVE_INFINITY) await passed(piece.length / bytesPerMs);
    taken();
  },
});
const names = ['id', 'name', 'email', 'score', 'starts_at', 'street', '_status', '_error'];
const marks = values.marks ? [{ column: 4, comment: 'must be a date (YYYY-MM-DD) (format)' }] : [];

const began = performance.now();
const writer = new WorkbookWriter({
  output,
  openScratch: () => Promise.reject(new Error('there is no report')),
  sheet: 'Results',
  columns: names.map((name) => ({ name })),
  report: false,
});
for (let row = 1; row <= rows; row += 1) {
  await writer.row(cells(row), marks);
}
await writer.finish();

const seconds = (performance.now() - began) / 1000;
const peak = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(
  `${rows.toLocaleString('en')} rows in ${seconds.toFixed(1)} s, ${Math.round(rows / seconds).toLocaleString('en')}/s: ` +
    `${(bytes / 1e6).toFixed(1)} MB, peak ${peak} MB\n`,
);

function cells(row: number) {
  const street = `street ${(row * 31) % 977}`;
  const [name, email] = [`learner ${row}`, `mail${row}@example.org`];
  return [String(row), name, email, (row * 7) % 1000, '2024-01-01', street, 'succeeded', null];
}
