/** A row is another one where its stamp is another. */
export type RowStamps = ReadonlyMap<string, string | number>;

export interface RowPush {
  /** This row was changed. */
  changed(id: string, stamp: string | number): void;
  /** Something may have been changed. */
  rescan(): void;
}

export interface RowWatchOptions {
  readonly snapshot: () => Promise<RowStamps>;
  /** How long until the next look; asked each time, as it depends on whether the push works. */
  readonly pollMs: () => number;
  /** Called while somebody watches. @returns stop */
  readonly connect: (push: RowPush) => () => void;
}

export interface RowWatch {
  watch(listener: (id: string) => void): () => void;
  close(): void;
}

/**
 * Tells listeners of changed rows: by what the store pushes, and by looking now and then, because a push may be lost.
 * Each row there is is told once when watching begins. Holds no process open.
 */
export function createRowWatch(options: RowWatchOptions): RowWatch {
  const listeners = new Set<{ readonly call: (id: string) => void }>();
  let stop: (() => void) | undefined;

  function emit(id: string): void {
    for (const listener of listeners) listener.call(id);
  }

  return {
    watch(call) {
      const listener = { call };
      listeners.add(listener);
      if (stop === undefined) stop = start(options, emit);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        stop?.();
        stop = undefined;
      };
    },
    close() {
      listeners.clear();
      stop?.();
      stop = undefined;
    },
  };
}

function start({ snapshot, pollMs, connect }: RowWatchOptions, emit: (id: string) => void): () => void {
  const known = new Map<string, string | number>();
  const stop = new AbortController();
  let scanning = false;
  let again = false;
  let timer: NodeJS.Timeout | undefined;

  function changed(id: string, stamp: string | number): void {
    if (stop.signal.aborted || known.get(id) === stamp) return;
    known.set(id, stamp);
    emit(id);
  }

  async function look(): Promise<void> {
    const rows = await snapshot().catch(() => undefined);
    if (rows === undefined) return;
    for (const [id, stamp] of rows) changed(id, stamp);
    for (const id of [...known.keys()].filter((id) => !rows.has(id))) {
      known.delete(id);
      if (!stop.signal.aborted) emit(id);
    }
  }

  async function scan(): Promise<void> {
    if (scanning) {
      again = true;
      return;
    }
    scanning = true;
    clearTimeout(timer);
    try {
      do {
        again = false;
        await look();
      } while (again && !stop.signal.aborted);
    } finally {
      scanning = false;
      if (!stop.signal.aborted) timer = setTimeout(() => void scan(), pollMs()).unref();
    }
  }

  const disconnect = connect({ changed, rescan: () => void scan() });
  void scan();
  return () => {
    stop.abort();
    clearTimeout(timer);
    disconnect();
  };
}
