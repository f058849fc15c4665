import { readFile, writeFile } from 'node:fs/promises';
import { environmentExample, settingsTable } from '../config.ts';

/** `npm run settings`: writes the README's table and `.env.example` from the list of settings. */
const START = '<!-- settings -->\n';
const END = '<!-- /settings -->';

const readme = await readFile('README.md', 'utf8');
const [before, rest] = readme.split(START);
const after = rest?.split(END)[1];
if (before === undefined || after === undefined) throw new Error(`README.md has no ${START.trim()} … ${END}`);
await writeFile('README.md', `${before}${START}${settingsTable()}\n${END}${after}`);
await writeFile('.env.example', environmentExample());
