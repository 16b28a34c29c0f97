// Many tests hold real processes to a time limit, on a machine that runs two suites at once and owes nobody its cores. A test that
// fails is tried again when the others of its file are through; tools/test.mjs names each that needed it, so that none hides.
import { jest } from '@jest/globals';

jest.retryTimes(1, { logErrorsBeforeRetry: true });
