import Type, { type Static } from 'typebox';

/**
 * What the YAML of an operation may say. `docs/http-operation.schema.json` is this schema, for editors; a test holds the
 * two together. Each description completes the sentence “must be …”, which is what a wrong value is told.
 */
const closed = { additionalProperties: false };
const optional = Type.Optional;

const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
  description: 'a text, a number, true, false or null',
});

const Path = Type.String({
  minLength: 1,
  description:
    'a path into the JSON of the answer: customer.id, items.0.id, or a JSON pointer such as /customer/id',
});

const Status = Type.Union(
  [
    Type.Integer({ minimum: 200, maximum: 599 }),
    Type.String({ pattern: '^([2-5]xx|[2-5][0-9]{2}-[2-5][0-9]{2})$' }),
  ],
  { description: 'a status such as 409, a class such as 5xx, or a range such as 400-499' },
);

const BodyCondition = Type.Object(
  { path: Path, equals: optional(Scalar), exists: optional(Type.Boolean()) },
  { ...closed, minProperties: 2, description: 'a path with equals, exists or both' },
);

const HeaderCondition = Type.Object(
  { name: Type.String({ minLength: 1 }), equals: optional(Type.String()), exists: optional(Type.Boolean()) },
  { ...closed, minProperties: 2, description: 'a name with equals, exists or both' },
);

const Condition = Type.Object(
  {
    status: optional(
      Type.Union([Status, Type.Array(Status, { minItems: 1 })], {
        description: 'a status such as 409, a class such as 5xx, a range such as 400-499, or a list of these',
      }),
    ),
    header: optional(HeaderCondition),
    body: optional(
      Type.Union([BodyCondition, Type.Array(BodyCondition, { minItems: 1 })], {
        description: 'a path with equals, exists or both, or a list of these, all of which must hold',
      }),
    ),
  },
  {
    ...closed,
    minProperties: 1,
    description: 'at least one of status, header and body; all that are there must hold',
  },
);

const Code = Type.String({
  pattern: '^[a-z][a-z0-9_]{0,63}$',
  description: 'lower case letters, digits and _',
});

const FailureRule = Type.Object(
  {
    when: Condition,
    code: Code,
    message: Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'what the user is told, in plain words',
    }),
    message_from: optional(Path),
    field: optional(Type.String({ description: 'the field of the input that is wrong' })),
  },
  { ...closed, description: 'when, code and message' },
);

const Text = Type.String({ description: 'a text, which may hold templates' });

const Body = Type.Object(
  {
    json: optional(Type.Unknown({ description: 'the JSON to send; its texts may be templates' })),
    form: optional(Type.Record(Type.String(), Text, { description: 'the fields of a form and their texts' })),
    text: optional(Text),
    content_type: optional(Type.String({ minLength: 1, description: 'a media type' })),
  },
  { ...closed, description: 'one of json, form and text' },
);

const Request = Type.Object(
  {
    method: Type.Union(
      ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) => Type.Literal(method)),
      { description: 'GET, POST, PUT, PATCH or DELETE' },
    ),
    url: Type.String({ description: 'a URL; its path and its query may hold templates' }),
    headers: optional(Type.Record(Type.String(), Text, { description: 'names of headers and their texts' })),
    body: optional(Body),
    idempotency_header: optional(
      Type.String({ minLength: 1, default: 'Idempotency-Key', description: 'the name of a header' }),
    ),
  },
  { ...closed, description: 'method and url, and where needed headers and body' },
);

const Source = Type.Union(
  [
    Path,
    Type.Object({ header: Type.String({ minLength: 1 }) }, closed),
    Type.Object({ status: Type.Literal(true) }, closed),
    Type.Object({ body: Type.Literal(true) }, closed),
  ],
  { description: 'a path into the JSON of the answer, or {header: NAME}, {status: true} or {body: true}' },
);

const Response = Type.Object(
  {
    max_bytes: optional(
      Type.Integer({
        minimum: 0,
        maximum: 67_108_864,
        default: 1_048_576,
        description: 'a number of bytes up to 64 MiB',
      }),
    ),
    output: optional(
      Type.Record(Type.String(), Source, { description: 'for each field of the output where it comes from' }),
    ),
  },
  { ...closed, description: 'max_bytes and output' },
);

const JsonSchema = Type.Object(
  { type: Type.Literal('object'), properties: optional(Type.Record(Type.String(), Type.Unknown())) },
  { description: 'a JSON Schema with type: object and properties' },
);

const seconds = (maximum: number) =>
  Type.Number({ exclusiveMinimum: 0, maximum, description: `a number of seconds, ${maximum} at the most` });
const count = (maximum: number) =>
  Type.Integer({ minimum: 1, maximum, description: `a whole number from 1 to ${maximum}` });

export const HttpDefinition = Type.Object(
  {
    name: Code,
    version: count(2_147_483_647),
    title: Type.String({ minLength: 1, description: 'a few words' }),
    description: Type.String({ minLength: 1, description: 'a sentence or two' }),
    input: JsonSchema,
    output: JsonSchema,
    secrets: optional(
      Type.Array(Type.String({ pattern: '^[A-Z][A-Z0-9_]{0,127}$' }), {
        uniqueItems: true,
        description: 'a list of names in capital letters, each once',
      }),
    ),
    request: Request,
    response: optional(Response),
    success: optional(Type.Array(Condition, { minItems: 1, description: 'a list of conditions' })),
    failure: optional(
      Type.Array(FailureRule, { description: 'a list of rules with when, code and message' }),
    ),
    retry: optional(Type.Array(Condition, { description: 'a list of conditions' })),
    allow_private: optional(
      Type.Union([Type.Boolean(), Type.Array(Type.String())], {
        description: 'true, false, or a list of ranges such as 10.0.0.0/8, addresses and hosts',
      }),
    ),
    target: optional(Type.String({ minLength: 1, maxLength: 255, description: 'a name' })),
    concurrency: optional(count(10_000)),
    rate: optional(
      Type.Object(
        {
          records: count(1_000_000_000),
          seconds: seconds(86_400),
          per: optional(
            Type.Union([Type.Literal('operation'), Type.Literal('account')], {
              default: 'operation',
              description: 'operation or account',
            }),
          ),
        },
        { ...closed, description: 'records and seconds' },
      ),
    ),
    timeout_seconds: optional(seconds(600)),
    attempts: optional(count(100)),
    chunk_records: optional(count(100_000)),
    breaker: optional(
      Type.Object(
        { failures: count(1_000_000), seconds: seconds(86_400) },
        { ...closed, description: 'failures and seconds' },
      ),
    ),
  },
  {
    ...closed,
    title: 'HTTP operation',
    description: 'an object with name, version, title, description, input, output and request',
  },
);

export type HttpDefinition = Static<typeof HttpDefinition>;
export type Condition = Static<typeof Condition>;
export type BodyCondition = Static<typeof BodyCondition>;
export type FailureRule = Static<typeof FailureRule>;
export type OutputSource = Static<typeof Source>;
export type RequestDefinition = Static<typeof Request>;
