import { type ProxyEnvironment, type Settings, systemProxies } from '@moltbot/config';
import { jobArtifactPrefix } from '@moltbot/contracts';
import { createNetwork, type Network } from '@moltbot/network';
import { type ObjectStore, openObjects } from '@moltbot/storage';
import type { JobDeps } from './deps.js';

export interface ArtifactKeeper {
  readonly keep: JobDeps['keepArtifact'];
  close(): Promise<void>;
}

const MAX_BYTES = 1_073_741_824;

/** Keeps files of jobs in the object store, which is opened for the first of them. */
export function createArtifactKeeper(options: {
  readonly settings: () => Settings;
  readonly paths: { readonly dataDirectory: string };
  readonly proxy: ProxyEnvironment;
}): ArtifactKeeper {
  let opened: Promise<ObjectStore> | undefined;
  let network: Network | undefined;

  async function store(): Promise<ObjectStore> {
    network ??= createNetwork({ system: systemProxies(options.proxy) });
    opened ??= openObjects({ settings: options.settings(), paths: options.paths, fetch: network.fetch }).catch(
      (error: unknown) => {
        opened = undefined;
        throw error;
      },
    );
    return opened;
  }

  return {
    keep: async (jobId, { name, contentType, body }, signal) => {
      const objects = await store();
      await objects.put({ key: jobArtifactPrefix(jobId) + name, body, contentType, maxBytes: MAX_BYTES, signal });
    },
    close: async () => {
      await (await opened?.catch(() => undefined))?.close();
      await network?.close();
    },
  };
}
