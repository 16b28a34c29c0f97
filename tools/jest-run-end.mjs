// After all tests: the database that they shared leaves neither a process nor a file behind.
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function endRun() {
  const directory = join(tmpdir(), `moltbot-test-shared-${process.env.MOLTBOT_TEST_RUN}`);
  stopServer(join(directory, 'postgres', 'data', 'postmaster.pid'));
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** Still there where a test's process was killed before it could stop it. */
function stopServer(file) {
  try {
    process.kill(Number(readFileSync(file, 'utf8').split('\n', 1)[0]), 'SIGQUIT');
  } catch {
    // Stopped, as it should be.
  }
}
