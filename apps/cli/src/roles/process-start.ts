import { readFileSync } from 'node:fs';

/** When a process began (clock ticks since the machine did), on Linux; `undefined` elsewhere. */
export function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.startTime;
}

/** Whether that very process still runs: not a zombie, and not a later one with its number. */
export function isSameProcess({ pid, startTime }: { readonly pid: number; readonly startTime?: string | undefined }) {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, but is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const stat = statOf(pid);
  if (stat === undefined) return true;
  return stat.state !== 'Z' && (startTime === undefined || stat.startTime === startTime);
}

/** Fields 3 and 22 of /proc/PID/stat (proc_pid_stat(5)); the name before them may hold spaces and brackets. */
function statOf(pid: number): { readonly state: string; readonly startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}
