/** The variables of a process, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables of this process: the only place where they are read. Apps pass them to whoever needs them. */
export function processEnvironment(): Environment {
  return process.env;
}
