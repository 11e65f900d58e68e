import { isAbsolute } from 'node:path';
import { ReleaseError } from './release-error.js';

/** Where a release lies: a layout directory, the version in it, and the digest of the model's manifest where it is known. */
export interface ReleaseRef {
  layout: string;
  version: string;
  digest?: string;
}

/** As the names of a spec: one path segment that starts with a letter or digit, so it never leaves the root. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
// Read from the front, where the first colon that fits counts; a digest that is cut short is no version.
const REF = /^(?:oci:)?(.+?)(?<!@sha256):([A-Za-z0-9][A-Za-z0-9._-]{0,99})(?:@(sha256:[0-9a-f]{64}))?$/;

/** The names that become a directory and a tag. @throws ReleaseError `release_refused` */
export function checkNames(model: string, version: string): void {
  for (const [what, name] of [['model', model], ['version', version]] as const)
    if (!NAME.test(name)) throw new ReleaseError('release_refused', `${JSON.stringify(name.slice(0, 100))} can't name a ${what} of a release: letters, digits, dot, dash and underscore, a letter or digit first`);
}

/** `oci:LAYOUT:VERSION@DIGEST`. Without the digest it is what skopeo takes, without `oci:` what oras takes. */
export const formatRef = ({ layout, version, digest }: ReleaseRef): string => `oci:${layout}:${version}${digest === undefined ? '' : `@${digest}`}`;

/**
 * A reference as people type it: `oci:LAYOUT:VERSION`, with or without `oci:` and `@DIGEST`; a bare MODEL:VERSION is
 * meant below the releases of the site. @throws ReleaseError `release_refused`
 */
export function parseRef(text: string, at: { cwd: (path: string) => string; model: (name: string) => string }): ReleaseRef {
  const [, place, version, digest] = REF.exec(text) ?? [];
  if (place === undefined || version === undefined) throw new ReleaseError('release_refused', `${JSON.stringify(text.slice(0, 200))} is no release: MODEL:VERSION or oci:PATH:VERSION, with or without @sha256:…`);
  const layout = isAbsolute(place) ? place : NAME.test(place) && !text.startsWith('oci:') ? at.model(place) : at.cwd(place);
  return { layout, version, ...(digest === undefined ? {} : { digest }) };
}
