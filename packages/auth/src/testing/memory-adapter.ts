type Payload = Record<string, unknown> & { grantId?: string; uid?: string; userCode?: string; consumed?: unknown };

/** What the authorization server keeps, by model and id; nothing is evicted (its own adapter keeps 1,000 entries). */
export class MemoryRows {
  readonly #models = new Map<string, Map<string, Payload>>();

  /** Takes the whole family of tokens out. Without `grantId`: every grant there is. */
  revoke(grantId?: string): void {
    for (const model of ['Grant', 'AccessToken', 'RefreshToken', 'AuthorizationCode', 'DeviceCode']) {
      const rows = this.rowsOf(model);
      for (const [id, payload] of rows) {
        if (grantId === undefined || payload.grantId === grantId || (model === 'Grant' && id === grantId))
          rows.delete(id);
      }
    }
  }

  rowsOf(model: string): Map<string, Payload> {
    let rows = this.#models.get(model);
    if (rows === undefined) this.#models.set(model, (rows = new Map()));
    return rows;
  }
}

/** Storage of one model as oidc-provider calls it; expiry is checked by oidc-provider itself. */
export function memoryAdapter(all: MemoryRows, model: string) {
  const rows = all.rowsOf(model);
  const findBy = (field: 'uid' | 'userCode', value: string) =>
    Promise.resolve([...rows.values()].find((payload) => payload[field] === value));
  return {
    upsert: (id: string, payload: Payload) => {
      rows.set(id, payload);
      return Promise.resolve();
    },
    find: (id: string) => Promise.resolve(rows.get(id)),
    findByUid: (uid: string) => findBy('uid', uid),
    findByUserCode: (userCode: string) => findBy('userCode', userCode),
    consume: (id: string) => {
      const payload = rows.get(id);
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1_000);
      return Promise.resolve();
    },
    destroy: (id: string) => {
      rows.delete(id);
      return Promise.resolve();
    },
    revokeByGrantId: (grantId: string) => {
      for (const [id, payload] of rows) if (payload.grantId === grantId) rows.delete(id);
      return Promise.resolve();
    },
  };
}
