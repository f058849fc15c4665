/** What one account may take of a Sheaf that several share. An admin sets them; what is not set is the default. */

export interface RequestLimit {
  perMinute: number;
  /** For how long requests are refused once there is none left; 0: until there is one again. */
  lockSeconds: number;
}

export interface AccountLimits {
  /** Bytes of one file. */
  fileBytes: number;
  /** Records of one file. */
  records: number;
  /** Batches that have not ended. */
  batches: number;
  /** Bytes of uploads, copies and results in the object store. */
  storedBytes: number;
  /** For how long an upload can be used. */
  uploadSeconds: number;
  /** The most that a batch may ask for its files to be kept, and what they are kept if it asks for nothing; `null`: as set. */
  keepSeconds: number | null;
  /** Of two accounts that both have work, one of weight 2 has twice as many workers as one of weight 1. */
  workerWeight: number;
  /** Chunks that run at once; `null`: as many as there is room for. */
  chunks: number | null;
  /** By permission or operation: what stands here goes before `*`, which is every other one. */
  requests: Readonly<Record<string, RequestLimit>> & { readonly '*': RequestLimit };
}

/** What is set of an account; what is missing is the default. */
export type AccountLimitSettings = {
  readonly [Name in Exclude<keyof AccountLimits, 'requests'>]?: AccountLimits[Name];
} & { readonly requests?: Readonly<Record<string, RequestLimit>> };

export function limitsOf(defaults: AccountLimits, set: AccountLimitSettings): AccountLimits {
  return { ...defaults, ...set, requests: { ...defaults.requests, ...set.requests } };
}

export function requestLimitOf({ requests }: Pick<AccountLimits, 'requests'>, action: string): RequestLimit {
  return (Object.hasOwn(requests, action) ? requests[action] : undefined) ?? requests['*'];
}
