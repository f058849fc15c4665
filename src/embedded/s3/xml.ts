import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { S3Error } from './errors.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** An element whose text is escaped; children are given as finished XML. */
export function element(name: string, content: string | number | boolean | string[] | undefined): string {
  if (content === undefined) return '';
  const inner = Array.isArray(content) ? content.join('') : escapeText(String(content));
  return `<${name}>${inner}</${name}>`;
}

/** A whole document in S3's namespace. */
export function document(root: string, children: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${children.join('')}</${root}>`;
}

const NAMED: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/**
 * Control characters become references, as S3 writes them: a raw CR would be read back as LF, and a key may hold
 * any of them.
 */
function escapeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to escape
  return text.replace(/[&<>"\u0000-\u001f\u007f-\u009f\u2028\ufffe\uffff]/g, (character) => {
    return NAMED[character] ?? `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`;
  });
}

/** An element of a parsed document: text, or children by name, each a list. */
export type XmlNode = string | { [name: string]: XmlNode[] };

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  removeNSPrefix: true,
  ignoreDeclaration: true,
  isArray: () => true,
});

/**
 * Parses a request's document and returns the children of its root, which must be called `root`.
 * @throws S3Error MalformedXML, also for a DOCTYPE, so that no entity can be defined
 */
export function parseDocument(text: string, root: string): { [name: string]: XmlNode[] } {
  if (/<!(?!--)/.test(text) || XMLValidator.validate(text) !== true) throw new S3Error('MalformedXML');
  let parsed: unknown;
  try {
    parsed = parser.parse(text);
  } catch (error) {
    throw new S3Error('MalformedXML', error instanceof Error ? error.message : undefined);
  }
  const node = (parsed as Record<string, XmlNode[]>)[root]?.[0];
  if (node === undefined) throw new S3Error('MalformedXML');
  return typeof node === 'string' ? {} : node;
}

/** The text of a node's only child of that name; undefined when there is none. @throws S3Error MalformedXML */
export function textOf(node: XmlNode, name: string): string | undefined {
  if (typeof node === 'string') return undefined;
  const children = node[name];
  if (children === undefined) return undefined;
  if (children.length !== 1 || typeof children[0] !== 'string') throw new S3Error('MalformedXML');
  return unescapeText(children[0]);
}

/** All children of that name. */
export function childrenOf(node: XmlNode, name: string): XmlNode[] {
  return typeof node === 'string' ? [] : (node[name] ?? []);
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeText(text: string): string {
  return text.replace(/&([^;&]*);?/g, (whole, name: string) => {
    const named = ENTITIES[name];
    if (named !== undefined && whole.endsWith(';')) return named;
    const number = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
    const code = number
      ? Number.parseInt(number[1] ?? (number[2] as string), number[1] ? 16 : 10)
      : Number.NaN;
    const valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    if (!valid || !whole.endsWith(';')) throw new S3Error('MalformedXML');
    return String.fromCodePoint(code);
  });
}
