import type postgres from 'postgres';

/**
 * The arrays of PostgreSQL's own types, whose numbers never change. postgres.js (3.4.9) would ask the server for them on
 * each new connection, in a query whose failure nobody can catch: a server that went away at that moment ended the
 * process (`fetchArrayTypes`).
 */

interface Element {
  array: number;
  write?: (value: unknown) => string;
  read?: (text: string) => unknown;
}

const JSON_VALUE = {
  write: (value: unknown) => JSON.stringify(value),
  read: (text: string) => JSON.parse(text),
};
const TIME = {
  write: (value: unknown) => (value instanceof Date ? value.toISOString() : String(value)),
  read: (text: string) => new Date(text),
};
const NUMBER = { read: Number };

const ELEMENTS: Record<string, Element> = {
  bool: { array: 1000, write: (value) => (value === true ? 't' : 'f'), read: (text) => text === 't' },
  bytea: {
    array: 1001,
    write: (value) => `\\x${Buffer.from(value as Uint8Array).toString('hex')}`,
    read: (text) => Buffer.from(text.slice(2), 'hex'),
  },
  name: { array: 1003 },
  int2: { array: 1005, ...NUMBER },
  int4: { array: 1007, ...NUMBER },
  int8: { array: 1016, ...NUMBER },
  oid: { array: 1028, ...NUMBER },
  float4: { array: 1021, ...NUMBER },
  float8: { array: 1022, ...NUMBER },
  numeric: { array: 1231 },
  text: { array: 1009 },
  bpchar: { array: 1014 },
  varchar: { array: 1015 },
  uuid: { array: 2951 },
  inet: { array: 1041 },
  cidr: { array: 651 },
  date: { array: 1182, ...TIME },
  time: { array: 1183 },
  timestamp: { array: 1115, ...TIME },
  timestamptz: { array: 1185, ...TIME },
  interval: { array: 1187 },
  json: { array: 199, ...JSON_VALUE },
  jsonb: { array: 3807, ...JSON_VALUE },
};

/** For the `types` of postgres.js, beside `fetch_types: false`. */
export const ARRAY_TYPES: Record<string, postgres.PostgresType> = Object.fromEntries(
  Object.entries(ELEMENTS).map(
    ([name, { array, write = String, read = (text: string): unknown => text }]) => [
      `${name}[]`,
      {
        to: array,
        from: [array],
        // What is written as an array already, is sent as it is.
        serialize: (value: unknown) => (Array.isArray(value) ? arrayLiteral(value, write) : value),
        parse: (text: string) => readArray(text, read),
      },
    ],
  ),
);

function arrayLiteral(items: readonly unknown[], write: (value: unknown) => string): string {
  const told = items.map((item) => {
    if (item === undefined)
      throw new TypeError('undefined cannot be an element of an array in SQL: use null');
    if (item === null) return 'null';
    if (Array.isArray(item)) return arrayLiteral(item, write);
    return `"${write(item).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  });
  return `{${told.join(',')}}`;
}

/** One of its brackets, a comma, a text in quotation marks, or one without. */
const TOKEN = /[{},]|"((?:[^"\\]|\\[\s\S])*)"|[^{},"]+/g;

function readArray(text: string, read: (text: string) => unknown): unknown[] {
  const whole: unknown[] = [];
  const open = [whole];
  // What comes before names the bounds, where they do not begin at 1.
  for (const [token, quoted] of text.slice(text.indexOf('{') + 1).matchAll(TOKEN)) {
    const inner = open.at(-1)!;
    if (token === '{') {
      const next: unknown[] = [];
      inner.push(next);
      open.push(next);
    } else if (token === '}') open.pop();
    else if (quoted !== undefined) inner.push(read(quoted.replaceAll(/\\([\s\S])/g, '$1')));
    else if (token !== ',') inner.push(token === 'NULL' ? null : read(token));
  }
  return whole;
}
