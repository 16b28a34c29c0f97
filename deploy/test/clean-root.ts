import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ran, runProgram, type RunOptions } from './run-program.js';

/** A Debian system with nothing in it: no Node, no git. */
export interface CleanRoot {
  readonly path: string;
  /** A user who never was here before. @returns the home's path, inside */
  addUser(name: string, options?: { readonly id?: number }): CleanUser;
  /** Every file and link there is, with its size. */
  files(): Promise<readonly string[]>;
  remove(): void;
}

export interface CleanUser {
  readonly home: string;
  readonly id: number;
  /** A shell command as this user. */
  run(
    command: string,
    options?: Pick<RunOptions, 'input' | 'onStart'> & {
      readonly path?: string;
      readonly env?: Readonly<Record<string, string>>;
      /** A network of its own, with a loopback and nothing else. */
      readonly offline?: boolean;
    },
  ): Promise<Ran>;
}

/** What the machine lacks for it; `undefined`: nothing. */
export async function cleanRootLacks(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'root';
  for (const program of ['debootstrap', 'unshare', 'chroot', 'ip']) {
    const ran = await runProgram('sh', ['-c', `command -v ${program}`]);
    if (ran.code !== 0) return program;
  }
  const ran = await runProgram('unshare', ['--mount', '--net', '--pid', '--fork', 'true']);
  return ran.code === 0 ? undefined : `a kernel that lets us unshare (${ran.stderr.trim()})`;
}

/** @param options.shared folder outside → where it is inside, for reading */
export async function makeCleanRoot(options: {
  readonly shared: Readonly<Record<string, string>>;
}): Promise<CleanRoot> {
  // One that somebody made before serves as well.
  const given = process.env['MOLTBOT_TEST_CLEAN_ROOT'];
  const parent = mkdtempSync(join(tmpdir(), 'moltbot-root-'));
  chmodSync(parent, 0o755);
  const path = join(parent, 'root');
  const made =
    given === undefined
      ? await runProgram('debootstrap', ['--variant=minbase', '--include=curl', 'bookworm', path])
      : await runProgram('cp', ['-a', given, path]);
  if (made.code !== 0) throw new Error(`no clean root: ${made.stdout.slice(-2_000)}${made.stderr.slice(-2_000)}`);
  for (const inside of Object.values(options.shared)) mkdirSync(join(path, inside), { recursive: true });
  let users = 2_000;
  const skip = ['proc', 'dev', 'sys', ...Object.values(options.shared).map((inside) => inside.slice(1))];
  return {
    path,
    addUser(name, { id = (users += 1) } = {}) {
      const home = id === 0 ? '/root' : `/home/${name}`;
      rmSync(join(path, home), { recursive: true, force: true });
      mkdirSync(join(path, home), { recursive: true, mode: 0o700 });
      chownSync(join(path, home), id, id);
      writeFileSync(join(path, 'etc/passwd'), id === 0 ? '' : `${name}:x:${id}:${id}::${home}:/bin/bash\n`, {
        flag: 'a',
      });
      return {
        home,
        id,
        run: async (command, how = {}) => runInside({ path, shared: options.shared, home, id, command, how }),
      };
    },
    async files() {
      const prune = skip.flatMap((name) => ['-path', `./${name}`, '-prune', '-o']);
      const ran = await runProgram('find', ['.', ...prune, '!', '-type', 'd', '-printf', '%p %s\n'], { cwd: path });
      return ran.stdout.trim().split('\n').sort();
    },
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
}

async function runInside(options: {
  readonly path: string;
  readonly shared: Readonly<Record<string, string>>;
  readonly home: string;
  readonly id: number;
  readonly command: string;
  readonly how: NonNullable<Parameters<CleanUser['run']>[1]>;
}): Promise<Ran> {
  const { path, home, id, command, how } = options;
  const mounts = Object.entries(options.shared).flatMap(([outside, inside]) => ['--bind', outside, join(path, inside)]);
  // Mounts, processes and network end with the first process.
  const script = `set -e
root=$1 id=$2 offline=$3; shift 3
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" = --bind ]; do mount --bind "$2" "$3"; shift 3; done
if [ "$offline" = yes ]; then ip link set lo up; fi
exec chroot --userspec="$id:$id" --groups= "$root" /usr/bin/env -i "$@"`;
  const variables = {
    HOME: home,
    PATH: how.path ?? '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    SHELL: '/bin/bash',
    ...how.env,
  };
  return runProgram(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      ...(how.offline === true ? ['--net'] : []),
      'sh',
      '-c',
      script,
      'sh',
      path,
      String(id),
      how.offline === true ? 'yes' : 'no',
      ...mounts,
      ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      'sh',
      '-c',
      `cd "$HOME"; ${command}`,
    ],
    {
      ...(how.input === undefined ? {} : { input: how.input }),
      ...(how.onStart === undefined ? {} : { onStart: how.onStart }),
    },
  );
}
