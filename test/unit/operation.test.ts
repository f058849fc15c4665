import Type, { type TObject } from 'typebox';
import { describe, expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/core/access.ts';
import { FILE_ERRORS, RECORD_ERRORS } from '../../src/core/errors.ts';
import { leafFields } from '../../src/core/field.ts';
import { defineOperation, OperationRegistry } from '../../src/core/operation.ts';
import { succeeded } from '../../src/core/result.ts';

const closed = { additionalProperties: false };
const good = {
  name: 'greet',
  version: 1,
  title: 'Greet',
  description: 'Greets',
  input: Type.Object({ who: Type.String() }, closed) as TObject,
  output: Type.Object({}, closed) as TObject,
  settings: Type.Object({ loud: Type.Boolean({ default: false }) }, closed) as TObject,
  failures: { asleep: 'Nobody is awake' } as Record<string, string>,
  run: async (records: readonly unknown[]) => records.map(() => succeeded({})),
};

const withInput = (properties: Record<string, object>) => ({
  ...good,
  input: Type.Object(properties as never, closed) as TObject,
});

describe('defineOperation', () => {
  test('compiles the checks and fills in what may be left out', () => {
    const operation = defineOperation(good);
    expect(operation).toMatchObject({ name: 'greet', version: 1, limits: {}, failures: good.failures });
    expect(operation.checkInput({ who: 'you' })).toEqual([]);
    expect(operation.checkInput({})).toMatchObject([{ code: 'required', field: 'who' }]);
    const settings = {};
    expect(operation.checkSettings(settings)).toEqual([]);
    expect(settings).toEqual({ loud: false });
    expect(operation.checkSettings({ louder: true })).toMatchObject([
      { code: 'unknown_field', field: 'louder' },
    ]);
  });

  test('limits are kept', () => {
    expect(defineOperation({ ...good, limits: { chunkRecords: 10 } }).limits).toEqual({ chunkRecords: 10 });
  });

  test('a limit that JavaScript gives as undefined is none, and takes no default away', () => {
    const limits = { timeoutSeconds: undefined as never, attempts: 3 };
    expect(defineOperation({ ...good, limits }).limits).toStrictEqual({ attempts: 3 });
  });

  test.each([{ callRecords: 5 }, { breaker: { failures: 3, seconds: 5 } }])(
    'the limits %j are refused where they would say nothing',
    (limits) => {
      const [name] = Object.keys(limits);
      expect(() => defineOperation({ ...good, limits })).toThrow(
        new Error(`operation "greet": limits.${name} is only for an operation with effects "outside"`),
      );
      expect(defineOperation({ ...good, effects: 'outside', limits }).limits).toEqual(limits);
    },
  );

  test.each(['constructor', 'toString', 'chunkrecords'])('there is no limit %s', (name) => {
    expect(() => defineOperation({ ...good, limits: { [name]: 1 } })).toThrow(`limits.${name} is no limit`);
  });

  test.each(['', 'Greet', '1st', '_greet', 'greet-all', 'greet all', 'grüße', 'greet\n', 'a'.repeat(65)])(
    'the name %j is refused',
    (name) => {
      const message = `operation ${JSON.stringify(name)}: the name must match ^[a-z][a-z0-9_]{0,63}$`;
      expect(() => defineOperation({ ...good, name })).toThrow(new Error(message));
    },
  );

  test.each(['a', 'a1_', 'a'.repeat(64), 'constructor'])('the name %j is taken', (name) => {
    expect(defineOperation({ ...good, name }).name).toBe(name);
  });

  test.each([...PERMISSIONS, 'admin_of_rooms'])(
    'the name %s, which is a permission’s or like those of admins, is refused',
    (name) => {
      expect(() => defineOperation({ ...good, name })).toThrow(
        new Error(
          `operation "${name}": this is the name of a route’s permission, or begins with admin_; choose another`,
        ),
      );
    },
  );

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('the version %d is refused', (version) => {
    expect(() => defineOperation({ ...good, version })).toThrow(
      new Error('operation "greet": the version must be a whole number from 1'),
    );
  });

  test.each([...Object.keys(RECORD_ERRORS), ...Object.keys(FILE_ERRORS), 'file_anything'])(
    'the failure code %s is refused',
    (code) => {
      expect(() => defineOperation({ ...good, failures: { [code]: 'x' } })).toThrow(
        new Error(`operation "greet": the failure code ${code} is one of the engine’s own; choose another`),
      );
    },
  );

  test.each(['asleep', 'profile_missing', 'constructor', 'constructor'])(
    'the failure code %s is not',
    (code) => {
      expect(defineOperation({ ...good, failures: { [code]: 'x' } }).failures).toEqual({ [code]: 'x' });
    },
  );

  test.each<[string, TObject, string]>([
    [
      'an open input',
      Type.Object({ who: Type.String() }),
      'the input schema needs additionalProperties: false',
    ],
    [
      'an open object in the input',
      Type.Object({ address: Type.Object({ city: Type.String() }) }, closed),
      'address needs additionalProperties: false',
    ],
    [
      'an array in the input',
      Type.Object({ tags: Type.Array(Type.String()) }, closed),
      'tags has the type "array", which no cell can hold',
    ],
    [
      'a field without a type',
      Type.Object({ address: Type.Object({ city: Type.Unknown() }, closed) }, closed),
      'address.city has the type undefined, which no cell can hold',
    ],
    [
      'a field that may be null',
      Type.Object({ a: Type.Unsafe({ type: ['string', 'null'] }) }, closed),
      'a has the type ["string","null"], which no cell can hold',
    ],
    [
      'a dot in a field’s own name',
      Type.Object({ 'address.city': Type.String() }, closed),
      'address.city: a field’s own name may not hold a dot',
    ],
  ])('%s is refused', (_, input, message) => {
    expect(() => defineOperation({ ...good, input })).toThrow(new Error(`operation "greet": ${message}`));
  });

  test.each(['constructor', 'toString', 'constructor', 'hasOwnProperty'])(
    'a field named %s is refused',
    (name) => {
      const message = (field: string) =>
        new Error(`operation "greet": ${field} is not possible as the name of a field`);
      expect(() => defineOperation(withInput({ [name]: Type.String() }))).toThrow(message(name));
      const nested = Type.Object({ [name]: Type.String() }, closed);
      expect(() => defineOperation(withInput({ address: nested }))).toThrow(message(`address.${name}`));
      const parent = Type.Object({ city: Type.String() }, closed);
      expect(() => defineOperation(withInput({ [name]: parent }))).toThrow(message(name));
    },
  );

  test('a schema that does not compile is refused with the operation’s name', () => {
    const input = Type.Object({ who: Type.String({ pattern: '(' }) }, closed);
    expect(() => defineOperation({ ...good, input })).toThrow(
      /^operation "greet": Invalid regular expression/,
    );
    const settings = Type.Object({ loud: Type.Unsafe({ type: 'loud' }) }, closed);
    expect(() => defineOperation({ ...good, settings })).toThrow(/^operation "greet": schema is invalid/);
  });
});

describe('leafFields', () => {
  test('the leaves in the schema’s order; required only where every object above is', () => {
    const address = Type.Object({ city: Type.String(), zip: Type.Optional(Type.String()) }, closed);
    const schema = Type.Object(
      {
        home: address,
        work: Type.Optional(address),
        age: Type.Integer(),
        active: Type.Optional(Type.Boolean()),
        score: Type.Optional(Type.Number()),
      },
      closed,
    );
    expect(leafFields(schema)).toEqual([
      { name: 'home.city', path: ['home', 'city'], type: 'string', required: true },
      { name: 'home.zip', path: ['home', 'zip'], type: 'string', required: false },
      { name: 'work.city', path: ['work', 'city'], type: 'string', required: false },
      { name: 'work.zip', path: ['work', 'zip'], type: 'string', required: false },
      { name: 'age', path: ['age'], type: 'integer', required: true },
      { name: 'active', path: ['active'], type: 'boolean', required: false },
      { name: 'score', path: ['score'], type: 'number', required: false },
    ]);
  });
});

describe('the registry', () => {
  const greet = defineOperation(good);
  const bow = defineOperation({ ...good, name: 'bow', version: 3 });

  test('finds operations by name and lists them in its order', () => {
    const registry = new OperationRegistry([greet, bow]);
    expect(registry.get('greet')).toBe(greet);
    expect(registry.get('bow')).toBe(bow);
    expect(registry.list()).toEqual([bow, greet]);
  });

  test.each(['', 'Greet', 'constructor', '__proto__', 'toString'])('there is no %j', (name) => {
    expect(new OperationRegistry([greet]).get(name)).toBeUndefined();
  });

  test('has several versions of an operation: the newest is served, an older one is there for its batches', () => {
    const newer = defineOperation({ ...good, version: 2 });
    const registry = new OperationRegistry([greet, newer, bow]);
    expect([registry.get('greet'), registry.get('greet', 1), registry.get('greet', 3)]).toEqual([
      newer,
      greet,
      undefined,
    ]);
    expect(registry.list()).toEqual([bow, newer]);
    expect(registry.all()).toEqual(expect.arrayContaining([greet, newer, bow]));
  });

  test('two of one name and version are refused', () => {
    expect(() => new OperationRegistry([greet, bow, defineOperation(good)])).toThrow(
      new Error('two operations are named greet: rename one of them, or raise its version'),
    );
  });
});
