import { join } from 'node:path';
import type { Settings } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { openFolderObjects } from './folder-objects.js';
import type { ObjectStore } from './object-store.js';
import { openS3Objects } from './s3-objects.js';

/**
 * The store that `objects.url` names. A bucket is not asked for anything yet.
 * @throws MoltbotError `config_invalid` where a bucket lacks its access key, `object_store_unavailable`
 */
export async function openObjects(options: {
  readonly settings: {
    readonly objects: Pick<Settings['objects'], 'url' | 'region' | 'access_key_id' | 'secret_access_key'>;
  };
  readonly paths: { readonly dataDirectory: string };
  /** By the network's way (proxy, trust). */
  readonly fetch?: typeof globalThis.fetch;
}): Promise<ObjectStore> {
  const { url, region, access_key_id, secret_access_key } = options.settings.objects;
  const directory = join(options.paths.dataDirectory, 'objects');
  if (url === 'folder') return openFolderObjects({ directory });
  if (access_key_id === undefined || secret_access_key === undefined) {
    throw new MoltbotError(
      'config_invalid',
      'objects.url names a bucket: set objects.access_key_id, and MOLTBOT_OBJECTS_SECRET_ACCESS_KEY in the environment.',
    );
  }
  return openS3Objects({
    url,
    region,
    accessKeyId: access_key_id,
    secretAccessKey: new Secret(secret_access_key),
    spoolDirectory: join(directory, 'spool'),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  });
}
