import { type JobArtifact, jobArtifactPrefix } from '@moltbot/contracts';
import type { ObjectBody, ObjectStore, StoredObject } from '@moltbot/storage';

const MOST = 1_000;
const NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;

export async function artifactsOf(objects: ObjectStore, jobId: string): Promise<readonly JobArtifact[]> {
  const prefix = jobArtifactPrefix(jobId);
  const found = await objects.list({ prefix, limit: MOST });
  return found.map((object) => toArtifact(object, prefix));
}

export async function artifactBody(objects: ObjectStore, jobId: string, name: string): Promise<ObjectBody | undefined> {
  return NAME.test(name) ? objects.get({ key: jobArtifactPrefix(jobId) + name }) : undefined;
}

function toArtifact({ key, size, contentType, sha256 }: StoredObject, prefix: string): JobArtifact {
  return { name: key.slice(prefix.length), size, content_type: contentType, sha256: sha256 ?? null };
}
