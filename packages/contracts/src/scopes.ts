/** What a caller may do: talk to models, submit jobs, look after the server. `admin` includes the others. */
export const SCOPES = ['chat', 'jobs', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

export function hasScope(scopes: readonly string[], scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes('admin');
}
