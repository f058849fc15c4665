import type { BatchLacks, CheckSummary, Finding } from '../core/findings.ts';
import { formatBytes as bytes, visible, formatCount as whole } from './format.ts';

/** What `npx sheaf check` finds, for people. */

export function findingInWords(finding: Finding): string {
  switch (finding.kind) {
    case 'object_without_owner':
      return `object without owner: ${visible(finding.key)} (${bytes(finding.bytes)}, of ${day(finding.stored_ts)})${done(finding)}`;
    case 'unfinished_upload_without_owner':
      return `unfinished upload without owner: ${visible(finding.key)}, ${finding.upload_id} (of ${day(finding.begun_ts)})${done(finding)}`;
    case 'strange_object':
      return `not of Sheaf, and left alone: ${visible(finding.key)}`;
    case 'upload_gone':
      return `upload gone: ${finding.handler} of account ${finding.account}; no batch can be made of it${done(finding)}`;
    case 'batch_objects_gone':
      return `objects of a batch gone: ${finding.batch} of account ${finding.account}, in ${finding.status}: ${lacking(finding)}, such as ${visible(finding.key)}${done(finding)}`;
  }
}

function lacking({ inputs, parts, results }: BatchLacks): string {
  const named = [
    [inputs, 'its input', ''],
    [parts, 'part', 's'],
    [results, 'result file', 's'],
  ] as const;
  return named
    .filter(([count]) => count > 0)
    .map(([count, what, plural]) =>
      plural === '' ? what : `${whole(count)} ${what}${count === 1 ? '' : plural}`,
    )
    .join(', ');
}

const DONE = {
  removed: 'removed',
  written_again: 'the result files are written once more',
  expired: 'expires at once: asked for its results, it says that they are gone',
  left_to_workers:
    'left to the workers: when they come to it, it fails, its results are written without, or it expires',
  emptied: 'noted',
} as const;

function done({ remedy }: Finding): string {
  return remedy === null ? '' : ` → ${DONE[remedy]}`;
}

function day(ts: number): string {
  return new Date(ts * 1000).toISOString();
}

export function summaryInWords(summary: CheckSummary, fix: boolean): string {
  const { found, mended } = summary;
  const looked = `Looked at ${whole(summary.objects)} objects (${bytes(summary.bytes)}), ${whole(summary.unfinished_uploads)} unfinished uploads, ${whole(summary.batches)} batches and ${whole(summary.uploads)} uploads.`;
  const others = `${whole(summary.left_to_sweep)} objects are left to the sweep, ${whole(summary.young)} are too young to be judged.`;
  if (found === 0) return `${looked}\n${others}\nEverything goes together.`;
  const left = found - mended;
  if (!fix) return `${looked}\n${others}\n${whole(found)} found; --fix removes or mends what can be.`;
  return `${looked}\n${others}\n${whole(found)} found, ${whole(mended)} mended${left === 0 ? '' : `, ${whole(left)} stay as they are`}.`;
}
