import { leafFields } from '../core/field.ts';
import { isObject, type JsonObject } from '../core/json-record.ts';
import type { Operation } from '../core/operation.ts';
import { bindKeys, RecordReader } from '../core/record.ts';
import { type RecordError, shortened } from '../core/result.ts';
import { MOST_ERRORS } from '../core/schema.ts';
import { parseNdjsonChunk } from '../formats/ndjson/parse.ts';
import { RecordFailed } from './record-failed.ts';
import type { EngineSettings } from './settings.ts';

/**
 * Reads the one record of a call as a line of NDJSON is read in a batch, so that both come to the same. Only what is no
 * field of the operation is refused here: in a file it is listed among the columns, and here nobody would be told.
 * @param text well-formed JSON
 * @returns the operation's input
 * @throws {RecordFailed} with every rule that it breaks
 */
export function readSingle(
  operation: Operation,
  text: string,
  { cellBytes }: Pick<EngineSettings, 'cellBytes'>,
): unknown {
  // Outside of a text a line's end is a blank, and within one it cannot be.
  const line = Buffer.from(text.replaceAll('\n', ' '));
  const place = { firstRecord: 1, start: 0, limits: { cellBytes } };
  const [row, ...others] = parseNdjsonChunk(line, place);
  if (row === undefined || others.length > 0) throw new Error('the body of a call is one record');
  if (row.fault !== undefined) throw new RecordFailed([row.fault]);
  const reader = new RecordReader(operation, { ...bindKeys([], {}, operation), format: 'ndjson' });
  const { input, errors } = reader.read(row);
  const broken = [...unknownFields(operation, row.value), ...errors];
  if (broken.length > 0) throw new RecordFailed(broken.slice(0, MOST_ERRORS));
  return input;
}

function unknownFields(operation: Operation, record: JsonObject): RecordError[] {
  const fields = leafFields(operation.input).map(({ name }) => name);
  const known = new Set(fields);
  const inside = new Set(fields.flatMap(pathsAbove));
  const unknown: RecordError[] = [];
  const look = (object: JsonObject, prefix: string) => {
    for (const [key, value] of Object.entries(object)) {
      const path = prefix + key;
      if (known.has(path)) continue;
      if (!inside.has(path)) {
        const message = `is no field of ${operation.name}; it has ${shortened(fields.join(', '))}`;
        unknown.push({ code: 'unknown_field', message, field: path });
      } else if (isObject(value)) look(value, `${path}.`);
    }
  };
  look(record, '');
  return unknown;
}

/** `a.b.c` is inside of `a` and `a.b`. */
function pathsAbove(name: string): string[] {
  const names = name.split('.');
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('.'));
}
