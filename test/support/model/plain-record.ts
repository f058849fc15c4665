import fc from 'fast-check';

/** Like `fc.record`, but always with the usual prototype: a history that failed is printed as one would write it. */
export function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}
