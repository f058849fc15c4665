import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type BookKind, makeBook } from './xlsx/make-book.ts';

/**
 * Reading workbooks against exceljs's streaming reader: rows a second, and the most memory that a process of its own ever
 * had. 8 columns; all texts shared strings and no two the same, or all of them in their cells.
 *
 *   node --import tsx bench/xlsx.ts [--rows 100000 --rows 1000000] [--kind shared --kind inline] [--rounds 1]
 */

const { values } = parseArgs({
  options: {
    rows: { type: 'string', multiple: true, default: ['100000', '1000000'] },
    kind: { type: 'string', multiple: true, default: ['shared', 'inline'] },
    rounds: { type: 'string', default: '1' },
  },
});
const READ = fileURLToPath(new URL('./xlsx/read.ts', import.meta.url));

interface Measured {
  rows: number;
  seconds: number;
  cpu: number;
  peak: number;
}

const directory = await mkdtemp(join(tmpdir(), 'sheaf-xlsx-'));
try {
  print('| workbook | reader | rows/s | rows per second of CPU | peak MB |\n|---|---|---|---|---|');
  for (const kind of values.kind) {
    for (const rows of values.rows.map(Number)) await compare(kind as BookKind, rows);
  }
} finally {
  await rm(directory, { recursive: true });
}

async function compare(kind: BookKind, rows: number): Promise<void> {
  const path = join(directory, `${kind}-${rows}.xlsx`);
  await makeBook(path, rows, kind);
  const { size } = await stat(path);
  const title = `${rows.toLocaleString('en')} rows, ${kind}, ${(size / 1e6).toFixed(0)} MB`;
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const reader of ['ours', 'exceljs'])
      print(`| ${title} | ${reader} | ${await measured(reader, path, rows)} |`);
  }
  await rm(path);
}

/** Figures of one reading; a reader that dies says how. */
async function measured(reader: string, path: string, rows: number): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', READ, reader, path]);
    const it = JSON.parse(stdout) as Measured;
    if (it.rows !== rows) return `saw ${it.rows} rows`;
    const [wall, cpu] = [it.seconds, it.cpu].map((seconds) =>
      Math.round(rows / seconds).toLocaleString('en'),
    );
    return `${wall} | ${cpu} | ${it.peak}`;
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    return `died: ${/heap out of memory/.test(stderr) ? 'heap out of memory' : String(error).slice(0, 80)} | |`;
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
