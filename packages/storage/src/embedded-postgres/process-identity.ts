import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** A process that is told apart from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since the machine's start; only Linux tells. */
  readonly startTime?: string | undefined;
}

export function processIdentity(pid: number): ProcessIdentity {
  const startTime = readStat(pid)?.startTime;
  return startTime === undefined ? { pid } : { pid, startTime };
}

/** Whether it still runs; a zombie that nobody has waited for does not. */
export function isRunning(identity: ProcessIdentity): boolean {
  if (!Number.isSafeInteger(identity.pid) || identity.pid <= 0) return false;
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // EPERM: it runs, but belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const stat = readStat(identity.pid);
  if (stat === undefined) return true;
  if (stat.state === 'Z' || stat.state === 'X') return false;
  return identity.startTime === undefined || stat.startTime === identity.startTime;
}

let namespace: string | undefined;

/** Within which numbers mean processes: those of another container are others. Empty where only one is known. */
export function processNamespace(): string {
  if (namespace !== undefined) return namespace;
  try {
    namespace = readlinkSync('/proc/self/ns/pid');
  } catch {
    namespace = '';
  }
  return namespace;
}

/** Its command line; `undefined` where the system doesn't tell (Windows). */
export function commandLineOf(pid: number): string | undefined {
  try {
    if (process.platform === 'darwin') {
      return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 });
    }
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return undefined;
  }
}

/** Fields 3 and 22 of /proc/PID/stat (proc_pid_stat(5)); the name before them may hold spaces and brackets. */
function readStat(pid: number): { state: string; startTime: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state === undefined || startTime === undefined ? undefined : { state, startTime };
}
