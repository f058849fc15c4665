import { createInterface } from 'node:readline';

/**
 * Loads operations as a process that was started does, which a test runner's own way to import files is not. Each line
 * of the input is `{entries, folder}`, each of the output what came of it. The argument is the module of the loader.
 */
const { loadOperations } = await import(process.argv[2]);

for await (const line of createInterface({ input: process.stdin })) {
  const { entries, folder } = JSON.parse(line);
  const fromYaml = (text) => {
    throw new Error(`YAML: ${text}`);
  };
  const answer = await loadOperations(entries, {
    folder,
    builtIn: [{ name: 'create_learner' }],
    fromYaml,
  }).then(
    (operations) => ({ operations: operations.map(({ name, version }) => `${name} ${version}`) }),
    (error) => ({ error: error.message }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
