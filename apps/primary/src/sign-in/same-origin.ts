import type { IncomingHttpHeaders } from 'node:http';
import { SignInProblem } from './sign-in-problem.js';

/**
 * Whether a form of ours sent this: browsers say so by Origin, or by Sec-Fetch-Site (Fetch Metadata) where a privacy setting
 * makes Origin `null`. Who says neither is refused: a form of another site can't be told apart.
 * @throws SignInProblem `foreign-page`
 */
export function requireSameOrigin(headers: IncomingHttpHeaders): void {
  const { origin, host = '' } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') throw new SignInProblem('foreign-page');
  if (origin === undefined || origin === 'null') {
    if (site !== 'same-origin') throw new SignInProblem('foreign-page');
    return;
  }
  if (origin !== `http://${host}` && origin !== `https://${host}`) throw new SignInProblem('foreign-page');
}

/** Whether the page in the browser came by https, as the browser itself says with each form; a proxy's headers are not believed. */
export function cameByHttps({ origin }: IncomingHttpHeaders): boolean {
  return origin?.startsWith('https://') === true;
}
