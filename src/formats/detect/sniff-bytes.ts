import type { FileFormat } from '../../core/file-format.ts';
import { beginsWith, GZIP, holdsEncryptedPackage, OLE, SIGNATURES, ZIP } from './signatures.ts';
import { type SniffedEncoding, sniffEncoding } from './sniff-encoding.ts';
import { type Refused, refused, statedType } from './stated.ts';

/** What the first bytes of a file say it is. */
type SniffedBytes =
  | { container: 'gzip' | 'zip'; encoding?: undefined; fault?: undefined }
  | SniffedEncoding
  | Refused;

/**
 * Tells by the first `HEAD_BYTES` of a file what it is. What is certainly neither text nor a container that we read is
 * refused, and so is what is not what the client says.
 */
export function sniffBytes(head: Buffer, format: FileFormat): SniffedBytes {
  const stated = statedType(format);
  if (beginsWith(head, GZIP)) return { container: 'gzip' };
  if (beginsWith(head, ZIP)) return sniffZip(format);
  if (beginsWith(head, OLE)) return ole(head, stated?.says);
  const known = SIGNATURES.find(({ bytes }) => beginsWith(head, bytes));
  if (known) return refused(stated?.says, `seems to be ${known.seems}`, known.advice);
  if (stated?.type === 'xlsx' && head.length > 0) {
    return refused(stated.says, 'is no workbook', 'leave that out, so that its content tells what it is');
  }
  return sniffEncoding(head, format);
}

function sniffZip(format: FileFormat): SniffedBytes {
  const stated = statedType(format);
  const advice = 'leave that out, so that its content tells what it is, or upload the file itself';
  if (stated !== null && stated.type !== 'xlsx') {
    return refused(stated.says, 'is an XLSX workbook or another ZIP archive', advice);
  }
  if (format.encoding === undefined || format.encoding === 'utf-8') return { container: 'zip' };
  const says = `\`format.encoding\` says ${format.encoding}`;
  return refused(says, 'is an XLSX workbook or another ZIP archive', advice, { code: 'file_encoding' });
}

function ole(head: Buffer, says: string | undefined): Refused {
  if (holdsEncryptedPackage(head)) {
    const what = 'is a workbook or another document that is protected with a password';
    return refused(says, what, 'take the protection away, or save the sheet as CSV', {
      code: 'file_encrypted',
    });
  }
  const what = 'seems to be an XLS workbook, or one that is protected with a password';
  return refused(says, what, 'save it as XLSX without protection, or the sheet as CSV');
}
