import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CommandError } from '../exit-codes.js';
import { type RoleEvent, SupervisedRole, type SupervisedRoleOptions } from './supervised-role.js';

const READY = "process.send({ type: 'ready', port: 1 }); setInterval(() => {}, 1000);";
let role: SupervisedRole | undefined;

afterEach(async () => role?.stop(5_000));

/** Runs these programs one after the other, the last one again and again. @returns the events, as they come */
function supervise(programs: readonly string[], options: Partial<SupervisedRoleOptions> = {}) {
  const events: RoleEvent[] = [];
  let wake = Promise.withResolvers<void>();
  let started = 0;
  const children: ChildProcess[] = [];
  role = new SupervisedRole({
    role: 'worker',
    firstRestartMs: 1,
    maxRestartMs: 4,
    refusedRestartMs: 3,
    ...options,
    spawn: () => {
      const program = programs[Math.min(started, programs.length - 1)] ?? '';
      started += 1;
      const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      children.push(child);
      return child;
    },
    onEvent(event) {
      events.push(event);
      wake.resolve();
      wake = Promise.withResolvers();
    },
  });
  role.start();
  return {
    events,
    children,
    until: async (count: number): Promise<readonly RoleEvent[]> => {
      while (events.length < count) await wake.promise;
      return events;
    },
  };
}

const waits = (events: readonly RoleEvent[]) =>
  events.flatMap((event) => (event.type === 'died' ? event.restartInMs : []));

describe('a supervised role', () => {
  it('is started again when it is killed, and says that it is back', async () => {
    const { children, until } = supervise([READY]);
    expect(await until(1)).toEqual([
      { type: 'ready', role: 'worker', ready: { type: 'ready', port: 1 }, restarted: false },
    ]);
    children[0]?.kill('SIGKILL');
    const events = await until(3);
    expect(events[1]).toMatchObject({ type: 'died', signal: 'SIGKILL', wasReady: true, restartInMs: 1 });
    expect(events[2]).toMatchObject({ type: 'ready', restarted: true });
    expect(role?.pid).toBe(children[1]?.pid);
  });

  it('waits twice as long after each death, up to the cap', async () => {
    const { until } = supervise(['process.exit(1)']);
    expect(waits(await until(5)).slice(0, 5)).toEqual([1, 2, 4, 4, 4]);
  });

  it('begins again with the first wait after it was alive long enough', async () => {
    let now = 0;
    const { children, until } = supervise(['process.exit(1)', 'process.exit(1)', READY], { now: () => now });
    await until(3);
    now = 60_000;
    children[2]?.kill('SIGKILL');
    expect(waits(await until(4))).toEqual([1, 2, 1]);
  });

  it('waits longer after a refusal, and hands on what the role said', async () => {
    const refusal = { type: 'not-started', code: 'port_in_use', message: 'Port 9091 is taken.' };
    const { until } = supervise([`process.send(${JSON.stringify(refusal)}, () => process.exit(4))`]);
    expect((await until(1))[0]).toEqual({
      type: 'died',
      role: 'worker',
      code: 4,
      signal: null,
      said: refusal,
      wasReady: false,
      restartInMs: 3,
    });
  });

  it('goes on trying where it can’t even be started', async () => {
    let tries = 0;
    const spawnNothing = (): ChildProcess => {
      tries += 1;
      throw new CommandError('failed', 'The worker is not built.');
    };
    const events: RoleEvent[] = [];
    const twice = Promise.withResolvers<void>();
    role = new SupervisedRole({
      role: 'worker',
      firstRestartMs: 1,
      spawn: spawnNothing,
      onEvent: (event) => {
        if (events.push(event) === 2) twice.resolve();
      },
    });
    role.start();
    await twice.promise;
    await role.stop(1_000);
    expect(tries).toBe(2);
    expect(events[0]).toMatchObject({ type: 'died', code: 1, said: { message: 'The worker is not built.' } });
  });

  it('stops without a restart, and kills what does not end within the grace', async () => {
    const stubborn = `process.on('SIGTERM', () => {}); ${READY}`;
    const { children, events, until } = supervise([stubborn]);
    await until(1);
    const exited = once(children[0] ?? process, 'exit');
    await role?.stop(20);
    expect(await exited).toEqual([null, 'SIGKILL']);
    expect(events).toHaveLength(1);
    expect(role?.pid).toBeUndefined();
  });

  it('does not start again when it is stopped between two starts', async () => {
    const { children, until } = supervise(['process.exit(1)'], { firstRestartMs: 5 });
    await until(1);
    await role?.stop(1_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(children).toHaveLength(1);
  });
});
