import { readFile } from 'node:fs/promises';
import type { Operation } from '../core/operation.ts';
import { exportedOperations } from './exported-operations.ts';
import { findSources, isYaml, type Source } from './find-files.ts';
import { importModule } from './import-module.ts';
import { whyNotLoaded } from './why-not-loaded.ts';

export interface LoadOperations {
  /** Where relative paths begin, and where packages are looked for. */
  folder: string;
  /** Those that are there anyway: none may have the same name. */
  builtIn: readonly Operation[];
  /** Makes an operation of the text of a YAML file. @throws {Error} saying where, and what to change, a line each */
  fromYaml(text: string): Operation;
}

/**
 * Loads the operations that `SHEAF_OPERATIONS` names.
 * @throws {Error} that lists every file that is wrong, and what to change; meant to stop the start
 */
export async function loadOperations(
  entries: readonly string[],
  options: LoadOperations,
): Promise<Operation[]> {
  const problems: string[] = [];
  const sources = new Map<string, Source>();
  for (const entry of entries) {
    try {
      for (const source of await findSources(entry, options.folder)) sources.set(source.specifier, source);
    } catch (error) {
      problems.push(`${entry}: ${(error as Error).message}`);
    }
  }
  const loaded: Loaded[] = [];
  for (const source of sources.values()) {
    try {
      for (const operation of await operationsOf(source, options)) {
        // A file may hand on what another one exports.
        if (loaded.some((known) => known.operation === operation)) continue;
        problems.push(...clashes({ operation, source }, loaded, options.builtIn));
        loaded.push({ operation, source });
      }
    } catch (error) {
      const told = (error as Error).message.split('\n');
      problems.push(...told.map((line) => `${source.name}: ${line}`));
    }
  }
  if (problems.length > 0) {
    throw new Error(`the operations that SHEAF_OPERATIONS names are wrong:\n  ${problems.join('\n  ')}`);
  }
  return loaded.map(({ operation }) => operation);
}

interface Loaded {
  operation: Operation;
  source: Source;
}

async function operationsOf(source: Source, options: LoadOperations): Promise<readonly Operation[]> {
  if (source.file !== null && isYaml(source)) {
    return [options.fromYaml(await readFile(source.file, 'utf8'))];
  }
  let module: Record<string, unknown>;
  try {
    module = await importModule(source.specifier);
  } catch (error) {
    throw new Error(await whyNotLoaded(error, source), { cause: error });
  }
  try {
    return await exportedOperations(module);
  } catch (error) {
    // What a function throws may be anything.
    throw error instanceof Error ? error : new Error(`it threw ${JSON.stringify(error)}`);
  }
}

function clashes(
  { operation, source }: Loaded,
  loaded: readonly Loaded[],
  builtIn: readonly Operation[],
): string[] {
  const { name, version } = operation;
  if (builtIn.some((known) => known.name === name)) {
    return [`${source.name}: ${name} is the name of a built-in operation; choose another`];
  }
  const other = loaded.find((known) => known.operation.name === name && known.operation.version === version);
  if (other === undefined) return [];
  return [
    `${source.name}: ${other.source.name} has an operation ${name} of version ${version} too; rename one of them, or raise its version`,
  ];
}
