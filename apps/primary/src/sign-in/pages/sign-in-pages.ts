import type { SignInProblem } from '../sign-in-problem.js';
import { problemCode } from '../sign-in-problem.js';
import { html } from './html.js';
import { page, type Page } from './page.js';
import type { PageTexts } from './page-texts.js';

/** Asks before anything is begun: what happens next is the button's doing, never a link's. */
export function startPage(options: {
  readonly texts: PageTexts;
  readonly id: string;
  readonly clientId: string;
  readonly grant: 'authorization_code' | 'device_code' | 'client_credentials';
  readonly scopes: readonly string[];
  readonly replaces: boolean;
}): Page {
  const { texts, id, clientId, grant, scopes, replaces } = options;
  const intro = {
    authorization_code: texts.signInIntro,
    device_code: texts.deviceIntro,
    client_credentials: texts.clientIntro,
  }[grant](clientId);
  const body = html`<p>${intro}</p>${
    scopes.length === 0 ? undefined : html`<p>${texts.asksFor}: <code>${scopes.join(' ')}</code></p>`
  }${replaces ? html`<p class="soft">${texts.replaces}</p>` : undefined}<form method="post" action="/auth/login/${encodeURIComponent(id)}"><button>${texts.goOn}</button></form><p><a href="/auth">${texts.back}</a></p>`;
  return page({ texts, title: texts.signInTitle(id), body });
}

/**
 * Sends the browser to the provider. A redirect in answer to the form would be held against `form-action` at every further
 * redirect of the provider's own; a page that goes on by itself is not.
 */
export function leavingPage({ texts, url }: { readonly texts: PageTexts; readonly url: string }): Page {
  const { host } = new URL(url);
  const body = html`<p>${texts.leavingIntro}</p><p><a class="button" rel="noreferrer" href="${url}">${host}</a></p>`;
  return page({ texts, title: texts.leaving(host), body, refresh: { seconds: 0, url }, secretAddress: true });
}

/** A code for another device (RFC 8628 section 3.3); the page looks by itself whether it was entered. */
export function devicePage(options: {
  readonly texts: PageTexts;
  readonly id: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | undefined;
  readonly minutesLeft: number;
}): Page {
  const { texts, id, userCode, verificationUri, verificationUriComplete, minutesLeft } = options;
  const body = html`<h2>${id}</h2><p>${texts.deviceOpen}</p><p><a rel="noreferrer" target="_blank" href="${toHref(verificationUriComplete ?? verificationUri)}">${verificationUri}</a></p><p class="code">${userCode}</p><p class="soft" role="status">${texts.deviceWaits(minutesLeft)}</p><p><a href="/auth">${texts.back}</a></p>`;
  return page({ texts, title: texts.deviceTitle, body, refresh: { seconds: 3 } });
}

/** Asks who administers this server. */
export function sessionPage({ texts, problem }: { texts: PageTexts; problem?: string | undefined }): Page {
  const body = html`<p>${texts.sessionIntro}</p>${
    problem === undefined ? undefined : html`<p class="bad" role="alert">${problem}</p>`
  }<form method="post" action="/auth/session"><label>${texts.sessionKey}<input type="password" name="key" autocomplete="off" autocapitalize="off" spellcheck="false" required></label><button>${texts.sessionOpen}</button></form>`;
  return page({ texts, title: texts.session, body, status: 401 });
}

/** What went wrong, its code, and one next step. */
export function problemPage({ texts, problem }: { texts: PageTexts; problem: SignInProblem }): Page {
  const { link, detail } = problem;
  const { code, status } = problemCode(problem);
  const body = html`<p class="bad" role="alert">${problem.say(texts)}</p><dl><dt>${texts.errorCode}</dt><dd><code>${code}</code> <code>${problem.reason}</code></dd>${
    detail === undefined ? undefined : html`<dt>${texts.detail}</dt><dd>${detail}</dd>`
  }<dt>${texts.nextStep}</dt><dd>${texts.steps[problem.step]}</dd></dl>${
    link === undefined ? undefined : html`<p><a class="button" href="${toHref(link)}">${link}</a></p>`
  }<p><a href="/auth">${texts.back}</a></p>`;
  return page({ texts, title: texts.errorTitle, body, status, secretAddress: true });
}

/** What a server of elsewhere names may be of any scheme. */
function toHref(url: string): string {
  return /^https?:\/\//i.test(url) ? url : 'about:blank';
}
