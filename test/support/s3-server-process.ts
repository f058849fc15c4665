import { startS3Server } from '../../src/embedded/s3/server.ts';
import { CREDENTIALS, REGION } from './s3-server.ts';

/*
 * An embedded S3 server as a process of its own, to be killed or weighed: `node --import tsx s3-server-process.ts
 * DIRECTORY`. Prints its endpoint, and ends when its input does.
 */
const server = await startS3Server({
  directory: process.argv[2] ?? '',
  port: 0,
  region: REGION,
  credentials: CREDENTIALS,
});
console.log(server.endpoint);
process.stdin.resume().on('end', () => void server.close());
