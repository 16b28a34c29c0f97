import { readFileSync } from 'node:fs';

/** The constants of a release: deploy/install/release.json, which a release carries in it. */
export interface Release {
  /** Name of the package in its registry. */
  readonly package: string;
  /** Where its versions come from; empty: nobody publishes this build, a registry or a bundle has to be named. */
  readonly registry: string;
}

export const RELEASE = JSON.parse(
  readFileSync(new URL('../../../../deploy/install/release.json', import.meta.url), 'utf8'),
) as Release;
