import type { FileFault } from '../../src/core/errors.ts';
import { leafFields } from '../../src/core/field.ts';
import type { Operation } from '../../src/core/operation.ts';
import { RecordReader } from '../../src/core/record.ts';
import type { RecordError } from '../../src/core/result.ts';
import { bindInput } from '../../src/engine/bind-input.ts';
import type { InputDescription } from '../../src/formats/description.ts';
import { FileIndexer } from '../../src/formats/index-pass.ts';
import { parseChunk } from '../../src/formats/parse-chunk.ts';
import { convertedOnce, readingOptions } from './converted.ts';

export interface ReadTemplate {
  fault: FileFault | null;
  read: InputDescription;
  records: { input: unknown; errors: RecordError[] }[];
}

/** A file that was filled in, the whole way from the upload's bytes to the records that a handler would get. */
export async function readTemplate(bytes: Buffer, operation: Operation): Promise<ReadTemplate> {
  const options = { known: leafFields(operation.input).map(({ name }) => name) };
  const indexer = new FileIndexer(readingOptions(options));
  indexer.push(bytes);
  const { conversion, ...index } = indexer.finish();
  let [file, records] = [index as Parameters<typeof bindInput>[2], bytes];
  if (conversion !== null) {
    const converted = await convertedOnce(bytes, { ...options, ...conversion });
    if ('again' in converted.outcome) throw new Error('its encoding is another one');
    [file, records] = [converted.outcome, converted.bytes];
  }
  const { format } = readingOptions(options);
  const { read, fault } = bindInput(operation, { mapping: {}, customId: null, format }, file);
  if (read === null) throw new Error(`it cannot be read: ${fault?.message}`);
  const reader = new RecordReader(operation, read);
  const { limits } = readingOptions(options);
  const rows = file.chunks.flatMap(({ start, end, firstRecord }) =>
    parseChunk(records.subarray(start, end), read, { firstRecord, start, limits }),
  );
  return {
    fault,
    read,
    records: rows.map((row) => {
      if (row.fault !== undefined) throw new Error(`a row cannot be read: ${row.fault.message}`);
      if (row.cells === undefined) throw new Error('it is no table');
      const { input, errors } = reader.read(row.cells, row.problems);
      return { input, errors: [...errors] };
    }),
  };
}
