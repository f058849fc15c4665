/**
 * What this server answers when it refuses, by S3's own codes and messages
 * (Amazon S3 API Reference, "Error responses"), so that every SDK's error classes fit.
 */
const CATALOGUE = {
  AccessDenied: [403, 'Access Denied'],
  AccessForbidden: [403, 'CORSResponse: This CORS request is not allowed.'],
  AuthorizationHeaderMalformed: [400, 'The authorization header you provided is invalid.'],
  AuthorizationQueryParametersError: [
    400,
    'The authorization query parameters that you provided are not valid.',
  ],
  BadDigest: [
    400,
    'The Content-MD5 or checksum value that you specified did not match what the server received.',
  ],
  BadRequest: [400, 'An error occurred when parsing the HTTP request.'],
  BucketAlreadyOwnedByYou: [409, 'The bucket that you tried to create already exists, and you own it.'],
  BucketNotEmpty: [409, 'The bucket that you tried to delete is not empty.'],
  EntityTooLarge: [400, 'Your proposed upload exceeds the maximum allowed object size.'],
  EntityTooSmall: [400, 'Your proposed upload is smaller than the minimum allowed object size.'],
  ExpectationFailed: [417, 'Only the expectation 100-continue can be met.'],
  IllegalLocationConstraintException: [400, 'The location constraint is not the region this server runs in.'],
  IncompleteBody: [
    400,
    'You did not provide the number of bytes specified by the Content-Length HTTP header.',
  ],
  InsufficientStorage: [507, 'There is not enough space left on the disk of this server.'],
  InternalError: [500, 'An internal error occurred. Try again.'],
  InvalidAccessKeyId: [403, 'The access key ID that you provided does not exist in our records.'],
  InvalidArgument: [400, 'Invalid Argument'],
  InvalidBucketName: [400, 'The specified bucket is not valid.'],
  InvalidDigest: [400, 'The Content-MD5 or checksum value that you specified is not valid.'],
  InvalidPart: [
    400,
    'One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched.',
  ],
  InvalidPartOrder: [400, 'The list of parts was not in ascending order.'],
  InvalidPartNumber: [416, 'The requested partnumber is not satisfiable'],
  InvalidRange: [416, 'The requested range is not satisfiable'],
  InvalidRequest: [400, 'Invalid Request'],
  InvalidToken: [400, 'The provided token is malformed or otherwise not valid.'],
  InvalidURI: [400, 'The specified URI could not be parsed.'],
  KeyTooLongError: [400, 'Your key is too long.'],
  MalformedXML: [400, 'The XML that you provided was not well formed or did not validate.'],
  MalformedTrailerError: [
    400,
    'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  ],
  MaxMessageLengthExceeded: [400, 'Your request was too large.'],
  MetadataTooLarge: [400, 'Your metadata headers exceed the maximum allowed metadata size.'],
  MethodNotAllowed: [405, 'The specified method is not allowed against this resource.'],
  MissingContentLength: [411, 'You must provide the Content-Length HTTP header.'],
  NoSuchBucket: [404, 'The specified bucket does not exist.'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NoSuchUpload: [
    404,
    'The specified multipart upload does not exist. The upload ID might not be valid, or the multipart upload might have been aborted or completed.',
  ],
  NotImplemented: [
    501,
    'A header or parameter that you provided implies functionality that is not implemented.',
  ],
  OperationAborted: [409, 'A conflicting operation is in progress against this resource. Try again.'],
  PreconditionFailed: [412, 'At least one of the preconditions that you specified did not hold.'],
  RequestHeaderSectionTooLarge: [
    400,
    'Your request header section exceeds the maximum allowed request header section size.',
  ],
  RequestTimeout: [
    400,
    'Your socket connection to the server was not read from or written to within the timeout period.',
  ],
  RequestTimeTooSkewed: [403, "The difference between the request time and the server's time is too large."],
  ServiceUnavailable: [503, 'Please reduce your request rate.'],
  SignatureDoesNotMatch: [
    403,
    'The request signature that we calculated does not match the signature that you provided. Check your secret access key and signing method.',
  ],
  XAmzContentSHA256Mismatch: [
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type S3ErrorCode = keyof typeof CATALOGUE;

/** A refusal that is answered to the client as it stands; anything else that is thrown is an InternalError. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  readonly code: S3ErrorCode;
  readonly status: number;
  /** Further elements of the answer's XML, such as the key a copy did not find. */
  readonly detail: Readonly<Record<string, string>>;

  constructor(code: S3ErrorCode, message?: string, detail: Record<string, string> = {}) {
    super(message ?? CATALOGUE[code][1]);
    this.code = code;
    this.status = CATALOGUE[code][0];
    this.detail = detail;
  }
}

/** The client went away: there is nobody to answer, and nothing is wrong with the server. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

const DISK_FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const OUT_OF_DESCRIPTORS = new Set(['EMFILE', 'ENFILE']);

/** Turns whatever a handler threw into what the client is told; the second value says whether we are at fault. */
export function toS3Error(error: unknown): { answer: S3Error; unexpected: boolean } {
  if (error instanceof S3Error) return { answer: error, unexpected: false };
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (DISK_FULL.has(code)) return { answer: new S3Error('InsufficientStorage'), unexpected: true };
  if (OUT_OF_DESCRIPTORS.has(code)) return { answer: new S3Error('ServiceUnavailable'), unexpected: true };
  return { answer: new S3Error('InternalError'), unexpected: true };
}

/**
 * Tells the host program about a fault that no client can be told about. This folder stands on the ground and
 * has no log; Node prints process warnings, and a program with a log listens to `process.on('warning')`.
 */
export function warn(what: string, error?: unknown): void {
  const cause =
    error === undefined ? '' : `: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  process.emitWarning(`${what}${cause}`, { type: 'EmbeddedS3Warning' });
}
