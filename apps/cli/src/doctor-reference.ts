import { CHECK_OF } from './doctor/explain/check-of-finding.js';
import { englishChecks } from './doctor/explain/en-checks.js';

/** Every check of `moltbot doctor` with the codes that it may find, as a table for docs/doctor.md. */
export function doctorReferenceMarkdown(): string {
  const rows = Object.entries(englishChecks).map(([id, { what, remedy }]) => {
    const codes = Object.entries(CHECK_OF)
      .filter(([, check]) => check === id)
      .map(([code]) => `\`${code}\``);
    return `| \`${id}\` | ${[what, remedy, codes.join(' ')].map(cell).join(' | ')} |`;
  });
  return ['| check | what it looks at | what mends it | findings |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
