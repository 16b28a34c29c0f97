import { html, type Html } from './html.js';
import { page, type Page } from './page.js';
import type { PageTexts } from './page-texts.js';

/** One entry of auth.json as the list shows it. */
export interface ListedAccount {
  readonly id: string;
  readonly type: 'api_key' | 'oauth';
  readonly state: keyof PageTexts['states'];
  readonly account: string | undefined;
  /** Unix ms. */
  readonly expiresAt: number | undefined;
  readonly scopes: readonly string[];
}

export interface AccountListOptions {
  readonly texts: PageTexts;
  readonly accounts: readonly ListedAccount[];
  /** What was done last, told above the list. */
  readonly done?: { readonly what: 'signedIn' | 'signedOut'; readonly id: string } | undefined;
  /** Who looks, where there is a session. */
  readonly session: string | undefined;
}

/** All accounts with their state and what can be done with them. */
export function accountListPage({ texts, accounts, done, session }: AccountListOptions): Page {
  const body = html`<p class="soft">${texts.accountsIntro}</p>${
    done === undefined ? undefined : html`<p class="good" role="status">${texts[done.what](done.id)}</p>`
  }${accounts.length === 0 ? html`<p>${texts.noAccounts}</p>` : accounts.map((account) => toArticle(texts, account))}${
    session === undefined
      ? undefined
      : html`<p class="soft">${texts.sessionAs(session)}</p><form method="post" action="/auth/session/end"><button>${texts.sessionEnd}</button></form>`
  }`;
  return page({ texts, title: texts.accounts, body });
}

function toArticle(texts: PageTexts, account: ListedAccount): Html {
  const { id, type, state, expiresAt, scopes } = account;
  const path = encodeURIComponent(id);
  const isSignedIn = state !== 'signed-out';
  const facts =
    type === 'api_key'
      ? html`<dt>${texts.account}</dt><dd>${texts.apiKey}</dd>`
      : html`<dt>${texts.account}</dt><dd>${account.account ?? texts.unknown}</dd><dt>${texts.scopes}</dt><dd>${
          scopes.length === 0 ? texts.none : scopes.join(' ')
        }</dd>${expiresAt === undefined ? undefined : html`<dt>${texts.expires}</dt><dd>${toTime(expiresAt)}</dd>`}`;
  const buttons =
    type === 'api_key'
      ? undefined
      : html`<a class="button" href="/auth/login/${path}">${isSignedIn ? texts.signInAgain : texts.signIn}</a> ${
          isSignedIn
            ? html`<form method="post" action="/auth/logout/${path}"><button>${texts.signOut}</button></form>`
            : undefined
        }`;
  return html`<article><h2>${id}</h2><dl><dt>${texts.state}</dt><dd class="${state === 'ok' ? 'good' : 'bad'}">${texts.states[state]}</dd>${facts}</dl>${buttons}</article>`;
}

/** The reader's time zone is not known here. */
function toTime(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
