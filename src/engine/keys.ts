/** Where objects are. Whatever a worker writes carries its lease, so that two holders never write the same key. */

export const uploadKey = (accountId: string, handler: string) => `uploads/${accountId}/${handler}`;

export const batchPrefix = (batchId: string) => `batches/${batchId}/`;

export const inputKey = (batchId: string, lease: string) => `${batchPrefix(batchId)}input/${lease}`;

export const convertedKey = (batchId: string, lease: string) => `${batchPrefix(batchId)}converted/${lease}`;

/** The name holds the content's SHA-256: whoever reads a part can tell whether it is what was written. */
export const partKey = (batchId: string, phase: string, number: number, lease: string, sha256: string) =>
  `${batchPrefix(batchId)}parts/${phase}/${number}/${lease}/${sha256}`;

export const sha256OfPart = (key: string) => key.slice(key.lastIndexOf('/') + 1);

export const resultKey = (batchId: string, lease: string, name: string) =>
  `${batchPrefix(batchId)}results/${lease}/${name}`;
