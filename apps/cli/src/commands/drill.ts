import { loadConfig, parseDuration, readLocale } from '@moltbot/config';
import type { DrillProgress, DrillRowId, DrillSituation } from '@moltbot/drill';
import { interruptible } from '../auth/interruptible.js';
import type { Command, CommandContext, CommandOptions } from '../context.js';
import { showReport } from '../drill/show-report.js';
import { type DrillTexts, drillTexts } from '../drill/texts/texts.js';
import { CommandError } from '../exit-codes.js';
import { explainError } from '../explain-error.js';
import type { Style } from '../output.js';
import { table } from '../table.js';

/** Named in the help of this command. */
const EXITS = { passed: 0, failed: 1, impossible: 2 } as const;
const LONGEST_WAIT_MS = 86_400_000;

/** Breaks the configured chain on purpose, apart from everything that runs, and says what users would have seen. */
export const drill: Command = async (call) => {
  try {
    return await failover(call);
  } catch (error) {
    const { output, messages } = call.context;
    const { exit: _exit, ...explained } = explainError(error, messages);
    if (output.json) output.result({ error: explained });
    else {
      output.error(output.errorStyle('red', explained.message));
      if (explained.action !== undefined) output.error(explained.action);
    }
    return EXITS.impossible;
  }
};

const failover: Command = async ({ args, options, context }) => {
  const { output, env, paths } = context;
  const texts = drillTexts(readLocale(env));
  const [what] = args;
  if (what !== undefined && what !== 'failover') throw new CommandError('usage', texts.unknownDrill(what));
  const { DRILL_ROW_IDS, DRILL_SITUATIONS, drillRow, runDrill } = await import('@moltbot/drill');
  const rows: readonly (DrillRowId | DrillSituation)[] = [...DRILL_ROW_IDS, ...DRILL_SITUATIONS];
  const style = (name: Style, text: string): string => (options['color'] === false ? text : output.style(name, text));
  if (options['list'] === true) {
    const kinds = (id: DrillRowId | DrillSituation) => DRILL_ROW_IDS.find((row) => row === id);
    const listed = rows.map((id) => {
      const row = kinds(id);
      return {
        id,
        what: texts.rows[id],
        kind: row === undefined ? null : drillRow(row).kind,
        quick: row === undefined ? id === 'everything-down' : drillRow(row).quick === true,
      };
    });
    output.result({ rows: listed });
    output.line(
      table(
        listed.map(({ id, what: title, kind, quick }) => [
          style('bold', id),
          title,
          kind ?? '',
          quick ? texts.quickPart : '',
        ]),
      ),
    );
    return EXITS.passed;
  }
  const only = chosenRows(options, rows, texts);
  const maxWaitMs = maxWaitOf(options, texts);
  const config = await loadConfig({ paths, env });
  return interruptible(async ({ signal }) => {
    const progress = progressLine(context, texts);
    try {
      const report = await runDrill({
        settings: config.settings,
        credentials: config.credentials.map(({ id, provider, entry }) => ({ id, provider, type: entry.type })),
        form: options['quick'] === true ? 'quick' : 'full',
        chain: textOf(options, 'chain'),
        rows: only,
        targets: listOf(options, 'target'),
        maxWaitMs,
        signal,
        onRun: progress.show,
      });
      progress.clear();
      output.result(report);
      if (!output.json) showReport({ report, output, texts, style });
      return EXITS[report.verdict];
    } finally {
      progress.clear();
    }
  });
};

function textOf(options: CommandOptions, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

function listOf(options: CommandOptions, name: string): readonly string[] | undefined {
  return textOf(options, name)
    ?.split(/[\s,]+/)
    .filter((word) => word !== '');
}

function chosenRows<Id extends string>(
  options: CommandOptions,
  rows: readonly Id[],
  texts: DrillTexts,
): readonly Id[] | undefined {
  const names = listOf(options, 'only');
  if (names === undefined) return undefined;
  const unknown = names.find((name) => !rows.some((id) => id === name));
  if (unknown !== undefined || names.length === 0) {
    throw new CommandError('usage', `${texts.unknownRow(unknown ?? '')}\n${rows.join(' ')}`);
  }
  return rows.filter((id) => names.includes(id));
}

function maxWaitOf(options: CommandOptions, texts: DrillTexts): number | undefined {
  const text = textOf(options, 'maxWait');
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0 || ms > LONGEST_WAIT_MS) throw new CommandError('usage', texts.badWait(text));
  return ms;
}

/** One line that is written over; only on a terminal. */
function progressLine({ output }: CommandContext, texts: DrillTexts) {
  const { stderr } = process;
  const speaks = stderr.isTTY && !output.json;
  return {
    show: ({ done, of, run }: DrillProgress): void => {
      if (!speaks) return;
      const what = `${run.target}  ${texts.rows[run.row]}`;
      const line = texts.progress({ done, of, what });
      stderr.write(`\r\u001b[2K${line.slice(0, Math.max(20, (stderr.columns || 80) - 1))}`);
    },
    clear: (): void => {
      if (speaks) stderr.write('\r\u001b[2K');
    },
  };
}
