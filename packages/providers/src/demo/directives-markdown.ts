import { demoDirectives } from './directives.js';

/** The table of directives for docs/demo.md. */
export function demoDirectivesMarkdown(): string {
  const rows = demoDirectives.map((row) => `| \`${row.example}\` | ${row.does} |`);
  return ['| directive | what the demo does |', '| --- | --- |', ...rows].join('\n');
}
