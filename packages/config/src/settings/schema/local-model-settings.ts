import { z } from 'zod';
import { byteSize, duration } from '../setting-values.js';

const localModel = z.strictObject({
  file: z
    .string()
    .min(1)
    .max(4_096)
    .describe(
      'A GGUF file: a path (a relative one begins in the folder of config.yml), or `object:KEY` for one in the object store, which is fetched once and kept on disk.',
    ),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits in lower case')
    .optional()
    .describe('Checksum that the file must have.'),
  context: z
    .int()
    .min(64)
    .max(10_000_000)
    .default(4_096)
    .describe('Tokens of one conversation, question and answer together; memory grows with it.'),
  parallel: z.int().min(1).max(64).default(2).describe('Answers at the same time; others wait their turn.'),
  max_output_tokens: z
    .int()
    .min(1)
    .optional()
    .describe('Longest answer; without it an answer may fill what is left of `context`.'),
});

export const localModelsSettings = z
  .strictObject({
    models: z
      .record(
        z
          .string()
          .regex(
            /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/,
            'expected a letter or digit, then letters, digits, _ . : or -; at most 128',
          ),
        localModel,
      )
      .refine((models) => Object.keys(models).length <= 64, 'expected at most 64 models')
      .default({})
      .describe('Models that this machine runs itself, by name: the part after the colon in `local:NAME`.'),
    gpu: z
      .enum(['off', 'auto', 'metal', 'cuda', 'vulkan'])
      .default('off')
      .describe('What computes: the processor (`off`), the best there is (`auto`), or one kind of graphics card.'),
    threads: z
      .int()
      .min(1)
      .max(1_024)
      .optional()
      .describe('Processor cores of one model; by default all but one. More than are free make it many times slower.'),
    max_memory: byteSize('8gb', { max: 1_099_511_627_776 }).describe(
      'All loaded models together; idle ones are unloaded for another, the largest first.',
    ),
    max_file_size: byteSize('64gb', { max: 1_099_511_627_776 }).describe('Largest model file that is opened.'),
    idle_unload: duration('15m', { min: 100, max: 2_592_000_000 }).describe(
      'A model that nobody has asked for this long is unloaded.',
    ),
    cache_size: byteSize('64gb', { max: 1_099_511_627_776 }).describe(
      'Files from the object store that are kept on disk; the least recently used go first.',
    ),
  })
  .prefault({})
  .describe('Models in GGUF files that MoltBot runs by itself, each in a process of its own.');
