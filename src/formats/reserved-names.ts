/** Names that would reach an object's prototype when they become the keys of a record. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
