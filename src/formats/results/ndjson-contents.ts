import { inputWriter } from './client-input.ts';
import type { ContentOptions, TextContent } from './file-content.ts';
import { each, piecesOfText, slicesOf } from './pieces.ts';
import type { ResultTable } from './result-table.ts';
import { startOf } from './start-of-text.ts';

/** The result files as lines. Nothing in them is neutralised: no spreadsheet reads them. */
export function ndjsonContents(_table: ResultTable, { description }: ContentOptions): TextContent[] {
  const writeInput = inputWriter(description);
  const isTable = description.format === 'csv' || description.format === 'xlsx';
  const lines = (
    content: Pick<TextContent, 'kind' | 'records' | 'of'>,
    repeatsInput = false,
  ): TextContent => {
    return { ...content, format: 'ndjson', head: '', repeatsInput, cells: 0 };
  };
  return [
    lines({ kind: 'all', records: 'all', of: ({ results }) => [results.bytes] }),
    lines({ kind: 'succeeded', records: 'succeeded', of: ({ results }) => [results.only('succeeded')] }),
    lines(
      {
        kind: 'failed',
        records: 'failed',
        of: (chunk) => {
          const withInput = (index: number) =>
            `${chunk.results.failedLine(index).slice(0, -1)},"input":${writeInput(chunk.client, index)}}\n`;
          return piecesOfText(each(chunk.results.places('failed'), withInput));
        },
      },
      true,
    ),
    lines({ kind: 'errors', records: 'failed', of: ({ results }) => [results.only('failed')] }),
    {
      ...lines(
        {
          kind: 'unprocessed',
          records: 'unprocessed',
          of: (chunk) => {
            if (!isTable) return slicesOf(chunk, '\n');
            const object = (index: number) => `${writeInput(chunk.client, index)}\n`;
            return piecesOfText(each(chunk.results.places('unprocessed'), object));
          },
        },
        true,
      ),
      head: isTable ? '' : startOf(description),
    },
  ];
}
