/** What unpacks to more than this many times its size is no table: the best that deflate can do is a thousand times. */
export const MOST_RATIO = 200;

/** So much may come out of however little: a table of blanks may shrink to nothing. */
export const BYTES_OF_ANY_RATIO = 32 * 1024 * 1024;
