import { bomb } from './xlsx-bomb.ts';
import { readBook } from './xlsx-reading.ts';

/** Converts a bomb in a process of its own, and prints what came of it, how long it took and how much memory more. */
const [megabytes = '512', unpackedBytes] = process.argv.slice(2);
const book = bomb(
  Number(megabytes),
  unpackedBytes === undefined ? {} : { unpackedBytes: Number(unpackedBytes) },
);
await readBook(bomb(1));
const before = process.resourceUsage().maxRSS;
const begun = performance.now();
const { fault, records } = await readBook(book, { unpackedBytes: 2 ** 40 });
const took = performance.now() - begun;
const grown = (process.resourceUsage().maxRSS - before) * 1024;
console.log(JSON.stringify({ bytes: book.length, code: fault?.code, records, took, grown }));
