import type { Context } from '../context.ts';
import { OWNER, owner } from '../owner.ts';
import { sendXml } from '../responses.ts';
import { document, element } from '../xml.ts';

/*
 * Questions that always have the same answer here. Tools ask them on their way: the AWS command line reads an object's
 * tags before it copies it in parts.
 */

/** GetObjectTagging: there are no tags. @throws S3Error NoSuchKey */
export async function getObjectTagging({ request, response, store }: Context): Promise<void> {
  store.bucket(request.bucket).object(request.key);
  sendXml(response, document('Tagging', [element('TagSet', [])]));
}

/** GetBucketVersioning: it was never switched on, which S3 says by saying nothing. */
export async function getBucketVersioning({ request, response, store }: Context): Promise<void> {
  store.bucket(request.bucket);
  sendXml(response, document('VersioningConfiguration', []));
}

/** GetBucketAcl and GetObjectAcl: everything is the owner's alone. @throws S3Error NoSuchKey */
export async function getAcl({ request, response, store }: Context): Promise<void> {
  const bucket = store.bucket(request.bucket);
  if (request.key !== '') bucket.object(request.key);
  const grantee = `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">${OWNER.join('')}</Grantee>`;
  const grant = element('Grant', [grantee, element('Permission', 'FULL_CONTROL')]);
  sendXml(response, document('AccessControlPolicy', [owner('Owner'), element('AccessControlList', [grant])]));
}
