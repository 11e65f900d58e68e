import type { PayloadCodec } from '@temporalio/common';
import { pidExists, readDevFile } from '../client/home.js';
import type { KeyRing } from '../engines/payload-crypto/key-ring.js';
import { payloadCodec } from '../temporal-codec.js';
import type { CliContext } from './context.js';

type SiteContext = Pick<CliContext, 'sitePath' | 'env' | 'cwd' | 'home'>;

/**
 * The codec of the site that is in force here. It reads the site file only when there is something to encrypt or to
 * decrypt: a command that only reads works without one where nothing is encrypted.
 */
export function codecOf(context: SiteContext): PayloadCodec {
  let loading: Promise<KeyRing | undefined> | undefined;
  return payloadCodec({ keys: () => (loading ??= keysOf(context)), unreadable: 'throw' });
}

/**
 * The keys of the site that is in force here, the one of the running `ferry dev` included; undefined where it does not
 * encrypt, or where there is no site file.
 * @throws InvalidDocument, and PayloadError `payload_key_invalid`.
 */
export async function keysOf({ sitePath, env, cwd, home }: SiteContext): Promise<KeyRing | undefined> {
  // Reading YAML and the cipher are loaded for those alone who need them.
  const [{ loadSite, secretsOf }, { loadKeyRing }] = await Promise.all([import('../engines/config/load-site.js'), import('../engines/payload-crypto/key-ring.js')]);
  const named = await loadSite({ path: sitePath, env: env['FERRY_SITE'], cwd, builtIn: true });
  const ofDev = named.source === 'built-in' ? await siteOfDev(home) : undefined;
  const loaded = ofDev === undefined ? named : await loadSite({ path: ofDev, cwd, builtIn: false });
  const encryption = loaded.site.payloads?.encryption;
  return encryption === undefined ? undefined : await loadKeyRing({ encryption, secrets: secretsOf(loaded), env });
}

async function siteOfDev(home: string): Promise<string | undefined> {
  const dev = await readDevFile(home);
  return dev !== undefined && pidExists(dev.dev.pid) ? dev.site : undefined;
}
