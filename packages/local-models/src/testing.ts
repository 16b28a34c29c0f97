export {
  TEST_MODEL_ANSWER,
  TEST_MODEL_LOOP,
  testGguf,
  type TestGgufOptions,
  writeTestGguf,
} from './testing/write-test-gguf.js';
