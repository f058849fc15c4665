/** A name as a reference token of a JSON pointer (RFC 6901, section 3). */
export function tokenOf(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The name that a reference token stands for. */
export function nameOf(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}
