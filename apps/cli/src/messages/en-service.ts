/** What `moltbot service` and `moltbot update` say, in English. */
export const englishService = (command: string) => ({
  serviceInstalled: (manager: string, file: string) => `MoltBot runs as a service of ${manager} (${file}).`,
  serviceThere: (file: string) => `The service is there and runs (${file}).`,
  serviceRemoved: (file: string) => `The service is stopped, and ${file} removed.`,
  serviceNotThere: `No service is installed. Install one: ${command} service install`,
  serviceNoManager: `Nothing manages services for this user here (neither systemd nor launchd answers). Run it in the foreground: ${command} start`,
  serviceLogs: (where: string) => `its output: ${where}`,
  serviceEndsWithSession:
    'It ends with your last session: `loginctl enable-linger` was refused. Ask an administrator to run it for you.',
  serviceState: (manager: string, word: string) => `${manager}: ${word}`,
  serviceTestReady: (ms: number) => `ready after ${ms} ms, and stopped again`,
  serviceTestFailed: (why: string) => `MoltBot does not become ready on this machine: ${why}.`,

  updateAvailable: (version: string, newest: string) =>
    `version ${newest} is there (this is ${version}): ${command} update`,
  updateNothing: (version: string) => `version ${version} is in use: nothing to do`,
  updated: (previous: string, version: string) => `${previous} → ${version}`,
  updateDuration: (text: string) => `\`${text}\` is no duration: write 30s or 2m.`,
  updateNotKept: {
    elsewhere: 'the database is a server elsewhere: a version that changes it can’t be taken back',
    'in-use': 'the database is in use by something else: no copy of it was made',
    'no-space': 'there is no space for a copy of the database',
    failed: 'the database could not be copied',
  },
  updateRestarting: 'restarting the service …',
  updateRestartYourself: (pid: number) =>
    `The running one (process ${pid}) is still the former version: stop it and start it again.`,
  updateRolledBack: (options: {
    readonly version: string;
    readonly previous: string;
    readonly why: string;
    readonly readyAgain: boolean;
  }) =>
    `${options.why}. Version ${options.previous} is in use again${options.readyAgain ? ' and ready' : `, but not ready either: ${command} doctor`}.`,
  updateNotOurs: (kind: 'package' | 'checkout'): string =>
    kind === 'package'
      ? 'This MoltBot was installed by a package manager: have that one update it.'
      : 'This MoltBot is a checkout: update it with git.',
  updateNoRegistry:
    'This build names no registry of its own. Name one with --registry URL, or a release bundle with --from FILE.',
  updateNoRegistryAnswer: (url: string, why: string) =>
    `The registry did not say which version is newest: ${url} (${why}).`,
});
