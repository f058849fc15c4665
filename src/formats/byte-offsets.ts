/**
 * Turns positions in a text into offsets in bytes. Counts on from the last answer where it can, so that many
 * faulty records in a chunk cost one pass over it.
 *
 * @param offset of the text's first byte
 */
export function byteOffsets(text: string, offset: number): (at: number) => number {
  let known = 0;
  let bytes = offset;
  return (at) => {
    if (at >= known) bytes += Buffer.byteLength(text.slice(known, at));
    else bytes -= Buffer.byteLength(text.slice(at, known));
    known = at;
    return bytes;
  };
}
