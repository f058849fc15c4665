import { LosslessNumber } from 'lossless-json';
import type { TObject } from 'typebox';
import { type AnswerValue, answerPath } from './answer-body.ts';
import type { ReadAnswer } from './conditions.ts';
import { wrong } from './definition-error.ts';
import type { OutputSource } from './definition-schema.ts';
import type { Redactor } from './redact.ts';

type Read = (answer: ReadAnswer) => AnswerValue | undefined;

/** Makes a record’s output of an answer. */
export class OutputMap {
  readonly #fields: { name: string; read: Read; types: readonly string[] }[];
  /** Whether the body must be there, and JSON. */
  readonly readsBody: boolean;
  readonly readsJson: boolean;

  /** @throws {DefinitionError} */
  constructor(sources: Readonly<Record<string, OutputSource>>, output: TObject) {
    const properties = (output.properties ?? {}) as Record<string, { type?: string | string[] }>;
    for (const name of Object.keys(properties)) {
      if (!Object.hasOwn(sources, name))
        throw wrong(['response', 'output'], `must say where the output’s ${name} comes from`);
    }
    this.#fields = Object.entries(sources).map(([name, source]) => {
      const path = ['response', 'output', name];
      if (!Object.hasOwn(properties, name))
        throw wrong(path, 'is no field of the output; add it to output.properties');
      const types = [properties[name]!.type ?? []].flat();
      return { name, read: readerOf(source, types), types };
    });
    const kinds = Object.values(sources);
    this.readsJson = kinds.some((source) => typeof source === 'string');
    this.readsBody = this.readsJson || kinds.some((source) => typeof source === 'object' && 'body' in source);
  }

  /** What the answer does not have is left out; secrets of ours that it repeats are taken out. */
  outputOf(answer: ReadAnswer, redactor: Redactor): Record<string, unknown> {
    return Object.fromEntries(
      this.#fields.flatMap(({ name, read, types }) => {
        const value = fitted(read(answer), types);
        return value === undefined ? [] : [[name, plain(value, redactor)]];
      }),
    );
  }
}

function readerOf(source: OutputSource, types: readonly string[]): Read {
  if (typeof source === 'string') {
    const path = answerPath(source);
    return ({ body }) => body.at(path);
  }
  if ('header' in source) {
    const name = source.header.toLowerCase();
    return ({ headers }) => (Object.hasOwn(headers, name) ? headers[name] : undefined);
  }
  if ('status' in source) return ({ status }) => status;
  return ({ body }) => (types.includes('string') ? body.text : body.json);
}

/** Numbers become text where the output wants text, as ids are numbers here and texts there; nothing else is changed. */
function fitted(value: AnswerValue | undefined, types: readonly string[]): AnswerValue | undefined {
  if (value === null) return types.includes('null') ? null : undefined;
  const number = typeof value === 'number' || value instanceof LosslessNumber;
  const wantsText = types.includes('string') && !types.includes('number') && !types.includes('integer');
  return number && wantsText ? String(value) : value;
}

/** What can be written as JSON; a number that would lose digits is given as text. */
function plain(value: AnswerValue, redactor: Redactor): unknown {
  if (typeof value === 'string') return redactor.text(value);
  if (typeof value === 'number') {
    const text = String(value);
    const shown = redactor.text(text);
    return shown === text ? value : shown;
  }
  if (value instanceof LosslessNumber) return redactor.text(value.value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => plain(item, redactor));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [redactor.text(name), plain(inner, redactor)]),
  );
}
