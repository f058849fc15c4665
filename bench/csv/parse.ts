import { parse as csvParse } from 'csv-parse/sync';
import { UNSTATED } from '../../src/core/file-format.ts';
import { RFC_4180 } from '../../src/formats/csv/dialect.ts';
import { parseCsvChunk } from '../../src/formats/csv/parse.ts';
import { FileIndexer } from '../../src/formats/index-pass.ts';
import { compare } from './rounds.ts';
import { benchFile, LIMITS } from './rows.ts';

/** The parser of a chunk against csv-parse on the same chunks. Run: `node --import tsx bench/csv/parse.ts [rows]`. */
const rows = Number(process.argv[2] ?? 1_000_000);

for (const kind of ['sample', 'ascii', 'quoted'] as const) {
  const file = benchFile(kind, rows);
  const indexer = new FileIndexer({ limits: LIMITS, format: UNSTATED, known: new Set() });
  indexer.push(file);
  const index = indexer.finish();
  const { chunks } = index;
  const columns = index.columns?.length ?? 0;
  const contestants = [
    {
      name: 'csv-parse, arrays',
      run: () =>
        chunks.reduce((seen, { start, end }) => seen + csvParse(file.subarray(start, end)).length, 0),
    },
    {
      name: 'parseCsvChunk',
      run: () =>
        chunks.reduce((seen, { start, end, firstRecord }) => {
          const options = { dialect: RFC_4180, columns, firstRecord, start, limits: LIMITS };
          const parsed = parseCsvChunk(file.subarray(start, end), options);
          return seen + parsed.filter((row) => row.cells).length;
        }, 0),
    },
  ];
  compare(kind, contestants, { bytes: file.length, records: rows }, 3);
}
