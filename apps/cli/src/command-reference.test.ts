import { describe, expect, it } from '@jest/globals';
import { commandReferenceMarkdown } from './command-reference.js';
import { COMMANDS } from './command-table.js';
import { EXIT_CODES } from './exit-codes.js';

describe('the reference of the command', () => {
  const text = commandReferenceMarkdown();

  it('names every command, every option and every exit code', () => {
    for (const { name, options = [] } of COMMANDS) {
      expect(text).toContain(`### \`moltbot ${name}`);
      for (const { flags } of options) expect(text).toContain(`- \`${flags}\`: `);
    }
    for (const { code, meaning } of Object.values(EXIT_CODES)) expect(text).toContain(`| ${code} | ${meaning} |`);
  });
});

describe('exit codes', () => {
  it('are never the same for two things', () => {
    const codes = Object.values(EXIT_CODES).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});
