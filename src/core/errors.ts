/**
 * The closed catalogue of everything that can go wrong where a client sees it, and the three kinds of trouble
 * inside the engine. HTTP statuses are no business of this file: `api/problem.ts` maps `RequestErrorKind`.
 * `docs/errors.md` lists the same codes; a test holds the two together.
 */

export type RequestErrorKind =
  | 'malformed'
  | 'unauthenticated'
  | 'forbidden'
  | 'missing'
  | 'conflict'
  | 'gone'
  | 'too_large'
  | 'unsupported'
  | 'invalid'
  | 'too_often'
  | 'internal'
  | 'unavailable'
  | 'unanswered';

/** What a request can be answered with instead of what it asked for. */
export const REQUEST_ERRORS = {
  malformed_json: { kind: 'malformed', title: 'The body is not JSON' },
  malformed_request: {
    kind: 'malformed',
    title: 'The request is not well-formed HTTP or its path cannot be read',
  },
  unauthenticated: { kind: 'unauthenticated', title: 'A valid API key or token is needed' },
  forbidden: { kind: 'forbidden', title: 'The role of the caller does not allow this' },
  sign_in_failed: { kind: 'unauthenticated', title: 'The account, the name or the password is wrong' },
  refresh_token_invalid: { kind: 'unauthenticated', title: 'The refresh token prolongs no session' },
  account_suspended: { kind: 'forbidden', title: 'The account is suspended' },
  exam_not_open: { kind: 'forbidden', title: 'The exam is not open to the caller' },
  route_not_found: { kind: 'missing', title: 'There is no such route' },
  handler_not_found: { kind: 'missing', title: 'There is no such upload' },
  batch_not_found: { kind: 'missing', title: 'There is no such batch' },
  operation_not_found: { kind: 'missing', title: 'There is no such operation' },
  cohort_not_found: { kind: 'missing', title: 'There is no such cohort' },
  exam_not_found: { kind: 'missing', title: 'There is no such exam' },
  user_not_found: { kind: 'missing', title: 'There is no such user' },
  role_not_found: { kind: 'missing', title: 'There is no such role' },
  api_key_not_found: { kind: 'missing', title: 'There is no such API key' },
  account_not_found: { kind: 'missing', title: 'There is no such account' },
  format_not_written: { kind: 'missing', title: 'The results were not written in this format' },
  upload_missing: { kind: 'conflict', title: 'Nothing has been uploaded under this handler yet' },
  upload_used: { kind: 'conflict', title: 'The upload was used up by an earlier batch' },
  upload_not_multipart: { kind: 'conflict', title: 'The upload was not made in parts' },
  upload_in_use: { kind: 'conflict', title: 'Another batch is about to copy this upload' },
  duplicate_file: { kind: 'conflict', title: 'An earlier batch was made of the same file' },
  not_cancellable: { kind: 'conflict', title: 'The batch can no longer be cancelled' },
  not_retriable: { kind: 'conflict', title: 'The batch cannot be retried' },
  already_retried: { kind: 'conflict', title: 'Another batch retries these records' },
  not_resumable: { kind: 'conflict', title: 'The batch cannot be resumed' },
  name_taken: { kind: 'conflict', title: 'The name is taken' },
  role_built_in: { kind: 'conflict', title: 'The role is one that every account has, and stays as it is' },
  role_in_use: { kind: 'conflict', title: 'Users or API keys have the role' },
  last_admin: { kind: 'conflict', title: 'The account would be left without an admin' },
  account_administers: { kind: 'conflict', title: 'The account administers all others, and stays' },
  storage_full: { kind: 'conflict', title: 'The account stores as many bytes as it may' },
  results_not_ready: { kind: 'conflict', title: 'The result files are not written yet' },
  upload_expired: { kind: 'gone', title: 'The upload has expired' },
  upload_invalidated: { kind: 'gone', title: 'The upload was taken back' },
  results_expired: { kind: 'gone', title: 'The result files have expired and were removed' },
  file_too_large: { kind: 'too_large', title: 'The file is larger than the limit' },
  body_too_large: { kind: 'too_large', title: 'The body of the request is larger than the limit' },
  unsupported_media_type: { kind: 'unsupported', title: 'Bodies are JSON' },
  idempotency_key_reused: {
    kind: 'invalid',
    title: 'The Idempotency-Key was used for another request',
  },
  invalid_request: { kind: 'invalid', title: 'The request has invalid fields' },
  rate_limited: { kind: 'too_often', title: 'This was asked for too often' },
  too_many_batches: { kind: 'too_often', title: 'The account has as many batches under way as it may' },
  sign_in_locked: { kind: 'too_often', title: 'Too many attempts to sign in have failed' },
  internal: { kind: 'internal', title: 'Something went wrong on our side' },
  unavailable: { kind: 'unavailable', title: 'A service that this request needs does not answer' },
  outcome_unknown: { kind: 'unanswered', title: 'The record was sent, and no answer told what came of it' },
} as const satisfies Record<string, { kind: RequestErrorKind; title: string }>;

export type RequestErrorCode = keyof typeof REQUEST_ERRORS;

/** What is wrong with a file as a whole. The batch ends in `validation_failed`, whatever `on_invalid` says. */
export const FILE_ERRORS = {
  file_no_records: 'The file holds no records',
  file_not_supported: 'The file is none of CSV, NDJSON, a JSON array and XLSX, or not what `format` says',
  file_encoding: 'The text is not valid in the encoding of the file',
  file_truncated: 'The file ends before it is complete',
  file_damaged: 'The file is damaged: its parts do not go together',
  file_encrypted: 'The workbook is protected with a password',
  file_macros: 'The workbook holds macros',
  file_bomb: 'The file unpacks to far more than it holds',
  file_sheet_missing: 'The workbook has no such sheet',
  file_json_malformed: 'The array is not well-formed JSON',
  file_unclosed_quote: 'A quote is opened and never closed',
  file_header_empty: 'A column of the header row has no name',
  file_header_duplicate: 'Two columns of the header row have the same name',
  file_header_reserved: 'A column of the header row has a name that is not allowed',
  file_header_malformed: 'The header row cannot be read',
  file_too_many_records: 'The file has more records than the account may have in one',
  file_column_missing: 'A column that the operation or the mapping needs is not in the file',
} as const;

export type FileErrorCode = keyof typeof FILE_ERRORS;

/** Why one record failed before a handler saw it. Handlers add codes of their own (`Operation.failures`). */
export const RECORD_ERRORS = {
  required: 'A required field is not given',
  invalid_type: 'The value cannot be read as the type of the field',
  too_short: 'The value is shorter than allowed',
  too_long: 'The value is longer than allowed',
  invalid_format: 'The value does not have the form that the field asks for',
  not_allowed: 'The value is not one of those allowed',
  unknown_field: 'The operation has no such field',
  out_of_range: 'The number or the length is outside the allowed range',
  too_precise: 'The number has more decimals than allowed',
  nul_character: 'The value holds a NUL character, which cannot be stored',
  invalid: 'The value breaks a rule of the operation’s schema',
  cells_too_few: 'The row has fewer cells than the header',
  cells_too_many: 'The row has more cells than the header',
  quote_misplaced: 'A quote stands where RFC 4180 allows none',
  cell_too_large: 'A cell is larger than the limit',
  cell_error: 'The cell of the workbook holds an error such as #N/A',
  cell_not_computed: 'The cell of the workbook holds a formula without its value',
  cell_date: 'The cell of the workbook holds a date that does not exist',
  ambiguous_date: 'Two of the stated patterns read the date differently',
  rest_not_empty: 'A row that could not be read came back unmended: `_rest` still holds it',
  record_too_large: 'The record is larger than the limit',
  json_malformed: 'The record is not JSON',
  json_not_object: 'The record is JSON, but not an object',
  json_too_deep: 'Arrays and objects are nested deeper than allowed',
  json_too_many_keys: 'The record has more keys than allowed',
  json_key_repeated: 'A key is given twice',
  json_key_reserved: 'A key has a name that is not allowed',
  not_text: 'The text holds half of a surrogate pair, which is no character',
  already_exists: 'What the record would make exists already',
  reference_missing: 'The record names something that does not exist',
  still_in_use: 'What the record would remove is still in use',
  value_refused: 'The database refuses a value of the record',
  outcome_unknown: 'The record was sent, and no answer told what came of it',
  worker_crashed:
    'The process that the record was tried in ended, three times with the record alone; it may have taken effect outside',
  output_invalid:
    'The operation answered something other than what it says it answers; it may have taken effect',
  record_unknown: 'The batch that is corrected has no record of the number in `_record`',
  record_repeated: 'An earlier row of the correction has the same number in `_record`',
  custom_id_missing: 'The column that the batch names as custom_id is blank',
  custom_id_repeated: 'An earlier record of the file has the same custom_id',
} as const;

export type RecordErrorCode = keyof typeof RECORD_ERRORS;

/** Why a batch has the status it has (`status_reason.code`), besides the codes of `FILE_ERRORS`. */
export const BATCH_REASONS = {
  hash_mismatch: 'The SHA-256 of the upload is not the one that the client stated',
  records_invalid: 'Some records break the rules of the operation, so none was processed',
  upload_changed: 'The upload was overwritten after the batch was made',
  upload_gone: 'The upload was removed before it was copied',
  duplicate_file:
    'An earlier batch of the operation was made of the same file, and `on_duplicate_file` refuses that',
  input_changed: 'The private copy of the input, or results of a chunk, are not what was hashed',
  input_gone: 'The private copy of the input, or results of a chunk, are no longer there',
  object_too_large: 'A file is larger than the object store can hold',
  handler_broken: 'The operation answered with something other than one result per record',
  retries_exhausted: 'The same step failed, or its worker was gone, too many times',
  failure_limit: 'As many records failed as `stop_after` allows; resume with a higher one',
  permission_withdrawn:
    'Whoever made the batch may not run its operation any more; resume it with a right to',
  stalled: 'No worker has done anything for the batch for too long',
} as const;

export type BatchReasonCode = keyof typeof BATCH_REASONS;

/** Reasons for which a failed batch cannot go on, whatever is mended: what it works on is not there any more. */
const FINAL_REASONS: readonly string[] = [
  'upload_changed',
  'upload_gone',
  'duplicate_file',
  'input_changed',
  'input_gone',
] satisfies BatchReasonCode[];

export function isFinal(reason: { code: string } | null): boolean {
  return reason !== null && FINAL_REASONS.includes(reason.code);
}

/**
 * The codes that `errors[]` of `invalid_request` may carry, besides those of `RECORD_ERRORS`, which the settings of an
 * operation are checked with. The first part is found at the API’s edge, the second by `engine/`.
 */
export const FIELD_ERRORS = {
  required: 'A field that is needed is not given',
  unknown_field: 'There is no such field or parameter here; nothing that is not known is ignored',
  unknown_header: 'The header asks for something that this route does not do',
  invalid_type: 'The value has another type than the field',
  invalid_format: 'The value, or the name of a key, does not have the form that the field asks for',
  invalid_cursor: 'The cursor is not one that a page named',
  not_allowed: 'The value is not one of those allowed',
  too_short: 'The value is shorter than allowed',
  too_long: 'The value is longer than allowed',
  out_of_range: 'The number is outside the allowed range',
  too_many: 'There are more keys than allowed',
  too_deep: 'Arrays and objects are nested deeper than allowed',
  too_precise: 'The number cannot be kept exactly; send it as a string',
  nul_character: 'The text holds a NUL character, which cannot be stored',
  not_text: 'The text holds half of a surrogate pair, which is no character',
  reserved_name: 'A key has a name that is not allowed',
  invalid: 'The value breaks another rule of the schema',

  unknown_operation: 'There is no such operation',
  unknown_role: 'The account has no such role',
  field_mapped_twice: 'Two columns are mapped to the same field',
  too_large: 'The value, or what it stands for, is larger than the limit',
  part_missing: 'A part of the upload is not listed, or was never put',
  part_order: 'Parts are not listed in the order of their numbers, each once',
  part_changed: 'The object store has another ETag for this part',
  part_too_small: 'A part that is not the last has less than 5 MiB',
  size_differs: 'The parts together are not as long as was stated',
} as const;

export type FieldErrorCode = keyof typeof FIELD_ERRORS;

export interface FieldProblem {
  /** JSON pointer (RFC 6901) into the request, e.g. `/mapping/Name`. */
  pointer: string;
  code: FieldErrorCode | RecordErrorCode;
  message: string;
}

/** A request that is answered with `application/problem+json` (RFC 9457). */
export class RequestError extends Error {
  readonly code: RequestErrorCode;
  readonly errors: readonly FieldProblem[];
  /** When the same request is worth another try. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: RequestErrorCode,
    detail: string,
    errors: readonly FieldProblem[] = [],
    retryAfterSeconds?: number,
  ) {
    super(detail);
    this.name = 'RequestError';
    this.code = code;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get kind(): RequestErrorKind {
    return REQUEST_ERRORS[this.code].kind;
  }
}

/** A request whose body or query breaks a rule: 422, with one entry for each place. */
export function invalidRequest(...errors: FieldProblem[]): RequestError {
  const detail = errors.map((error) => `${error.pointer || 'body'}: ${error.message}`).join('; ');
  return new RequestError('invalid_request', detail, errors);
}

/** What is wrong with a file as a whole, and where. */
export interface FileFault {
  code: FileErrorCode;
  message: string;
  /** The number of the record (from 1) where it shows; 0 is the header row. */
  record?: number;
  /** Offset in bytes from the start of the file. */
  offset?: number;
}

/**
 * A passing trouble (a connection cut, a server that answers 503): the step is tried again with backoff and
 * costs an attempt, unless it is `free`: contention that says nothing against the step (deadlock, serialization); or
 * somebody is `away` whom every step needs: then it waits, however long that takes.
 */
export class RetryableFault extends Error {
  readonly free: boolean;
  readonly away: boolean;

  constructor(message: string, options: { cause?: unknown; free?: boolean; away?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.name = 'RetryableFault';
    this.free = options.free ?? false;
    this.away = options.away ?? false;
  }
}

/** A trouble that trying again cannot mend: the batch is `failed` with this reason. */
export class PermanentFault extends Error {
  readonly code: BatchReasonCode;

  constructor(code: BatchReasonCode, message: string, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'PermanentFault';
    this.code = code;
  }
}

/** The lease was lost: whatever this worker still holds must not count. Not an error to report or to retry. */
export class LeaseLost extends Error {
  constructor(what: string) {
    super(`the lease of ${what} is not held any more`);
    this.name = 'LeaseLost';
  }
}
