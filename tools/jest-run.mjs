// Before all tests: a name for this run, by which the tests' helpers share what is dear to start.
export default function beginRun() {
  process.env.MOLTBOT_TEST_RUN = String(process.pid);
}
