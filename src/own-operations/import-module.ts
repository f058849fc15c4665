import { register as registerHooks } from 'node:module';
import { register as registerTypeScript } from 'tsx/esm/api';
import { IS_SOURCE } from './specifiers.ts';

/** For what waits while it is loaded. */
const MOST_SECONDS = 60;

let prepared = false;

/** Imports a module that is named at run time, which is done here alone. TypeScript is taken as it is. */
export async function importModule(specifier: string): Promise<Record<string, unknown>> {
  if (!prepared) {
    // What runs from its sources has tsx already.
    if (!IS_SOURCE) registerTypeScript();
    registerHooks(`./resolve-hooks.${IS_SOURCE ? 'ts' : 'js'}`, import.meta.url);
    prepared = true;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `it is not loaded after ${MOST_SECONDS} seconds: an await at its top level waits for something that does not come`;
    timer = setTimeout(() => reject(new Error(message)), MOST_SECONDS * 1000);
  });
  try {
    return await Promise.race([import(/* @vite-ignore */ specifier), late]);
  } finally {
    clearTimeout(timer);
  }
}
