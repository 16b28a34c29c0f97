import type { ConfigProblem } from '../problems/config-problem.js';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
  EEXIST: 'a file stands where the folder should be',
  ELOOP: 'it is a link to itself',
  ENOTDIR: 'a part of its path is no folder',
  ENOENT: 'its folder is not there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EIO: 'the disk failed',
};

/** An error of the file system in words, without its own text: that may hold other paths. */
export function accessProblem(options: { file: string; action: 'read' | 'written'; error: unknown }): ConfigProblem {
  const code = (options.error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
  return fileProblem(options.file, `cannot be ${options.action}: ${REASONS[code] ?? code}`);
}

/** A problem with the file as a whole. */
export function fileProblem(file: string, detail: string): ConfigProblem {
  return { kind: 'file', origin: { kind: 'file', file, line: 0 }, detail };
}
