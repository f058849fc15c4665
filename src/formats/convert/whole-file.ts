import { RetryableFault } from '../../core/errors.ts';
import type { ConversionSource } from '../converted-file.ts';

/** All bytes of a file, in turn. What a store leaves out in silence is its trouble, and no file that was truncated. */
export async function* wholeFile(
  source: Pick<ConversionSource, 'bytes' | 'read'>,
  progress: (sourceBytes: number) => void = () => {},
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of await source.read()) {
    bytes += piece.length;
    yield piece;
    progress(bytes);
  }
  if (bytes !== source.bytes) {
    throw new RetryableFault(`of a file of ${source.bytes} bytes ${bytes} came`);
  }
}
