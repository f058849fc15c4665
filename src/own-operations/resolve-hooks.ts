import type { ResolveHook } from 'node:module';
import { PACKAGE_OF, SHEAF_MODULE } from './specifiers.ts';

/**
 * How modules with operations are found; runs on the thread of Node's loader. It makes `import … from 'sheaf'` the
 * very modules that this process runs, from any folder, whether that has node_modules or not.
 */
export const resolve: ResolveHook = async (specifier, context, next) => {
  if (specifier === 'sheaf') return { url: SHEAF_MODULE, format: 'module', shortCircuit: true };
  if (specifier.startsWith(PACKAGE_OF)) {
    const { searchParams } = new URL(specifier);
    return await next(searchParams.get('name')!, { ...context, parentURL: searchParams.get('from')! });
  }
  const found = await next(specifier, context);
  const url = found.url.replace(OF_TSX, '');
  return isPlainScript(url) ? { ...found, url, format: 'module' } : found;
};

/** What tsx adds to the URL of a file that it takes for CommonJS. */
const OF_TSX = /(\?|%3F)tsx-commonjs-.*$/;

/** A file of somebody's own: ES modules, without a package.json that says so. CommonJS can be named .cjs or .cts. */
function isPlainScript(url: string): boolean {
  return /^file:(?!.*\/node_modules\/).*\.[jt]s(\?|$)/.test(url);
}
