/** What `resolve-hooks.ts` and those who import through it agree on. */

const OURS = import.meta.url;

/** Whether this process runs what is written, through tsx, or what was compiled. */
export const IS_SOURCE = OURS.endsWith('.ts');

export const SHEAF_MODULE = new URL(IS_SOURCE ? '../sheaf.ts' : '../sheaf.js', OURS).href;

export const PACKAGE_OF = 'sheaf-package:';

/** A package as a file in that folder would import it. */
export function packageOf(name: string, folder: URL): string {
  return `${PACKAGE_OF}?${new URLSearchParams({ name, from: new URL('operations.js', folder).href })}`;
}
