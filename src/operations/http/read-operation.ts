import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { OutsideOperation } from '../../core/operation.ts';
import { DefinitionError, inWords } from './definition-error.ts';
import { type HttpParts, httpOperation } from './operation.ts';

const LARGEST_FILE = 1_048_576;
const MOST_ALIASES = 100;
/** What the parser says of a template without quotes tells nobody what to change. */
const IN_OUR_WORDS: Record<string, string> = {
  NON_STRING_KEY: 'a key is no text; put a text that begins with {{ in quotes',
};

/** With more the parser runs out of stack, or takes the process with it. */
const DEEPEST = 200;
const DEEP_LISTS = new RegExp(`([-?] +){${DEEPEST}}`);

/**
 * Makes an operation of the text of a YAML file.
 * @throws {Error} with a line for each thing that is wrong: where it stands, and what to change; meant to stop the start
 */
export function readHttpOperation(text: string, parts: HttpParts): OutsideOperation {
  if (text.length > LARGEST_FILE)
    throw new Error('it is larger than 1 MiB, and so no definition of an operation');
  checkDepth(text);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    merge: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  // Tags that nobody knows are warnings, and their values would be taken as something else.
  const troubles = [...document.errors, ...document.warnings];
  if (troubles.length > 0)
    throw new Error(
      troubles
        .slice(0, 10)
        .map(({ pos, code, message }) => `${place(pos[0])}: ${IN_OUR_WORDS[code] ?? message}`)
        .join('\n'),
    );
  let aliases = 0;
  visit(document, {
    Alias(_key, alias) {
      aliases += 1;
      if (aliases > MOST_ALIASES) throw new Error(`it has more than ${MOST_ALIASES} aliases`);
      if (alias.resolve(document) === undefined)
        throw new Error(`${place(alias.range?.[0] ?? 0)}: nothing is anchored as ${alias.source}`);
    },
  });
  try {
    return httpOperation(valueOfDocument(document), parts);
  } catch (error) {
    if (!(error instanceof DefinitionError)) throw error;
    const told = error.faults.map(
      ({ path, message }) => `${place(offsetOf(document, path))}: ${inWords(path)}: ${message}`,
    );
    throw new Error(told.join('\n'), { cause: error });
  }
}

/** Counts brackets wherever they stand: nobody writes so many that nothing closes. */
function checkDepth(text: string): void {
  let open = DEEP_LISTS.test(text) ? DEEPEST + 1 : 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    open += bracket === '[' || bracket === '{' ? 1 : -1;
    if (open > DEEPEST) break;
  }
  if (open > DEEPEST) throw new Error(`it is nested deeper than ${DEEPEST} levels`);
}

function valueOfDocument(document: Document.Parsed): unknown {
  if (document.directives.yaml.version !== '1.2')
    throw new Error('line 1, column 1: must be YAML 1.2; leave the %YAML line out');
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch (error) {
    throw new Error(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Where the nearest thing stands that there is on the way. */
function offsetOf(document: Document.Parsed, path: readonly (string | number)[]): number {
  let offset = 0;
  let node: unknown = document.contents;
  for (const step of path) {
    if (!isCollection(node)) break;
    const pair = isMap(node)
      ? node.items.find(({ key }) => isScalar(key) && key.value === String(step))
      : undefined;
    const next: unknown =
      pair === undefined ? node.get(isMap(node) ? String(step) : Number(step), true) : pair.value;
    const found = (pair?.key ?? next) as Node | null | undefined;
    if (found?.range == null) break;
    offset = found.range[0];
    node = next;
  }
  return offset;
}
