// Property tests draw the same cases in every run: a change is judged by what it changes, not by the dice. To search further:
// `FC_SEED=$RANDOM FC_RUNS=10000 npx -y pnpm@12 jest packages/config/src/junk.test.ts`.
import fc from 'fast-check';

const number = (name) => (process.env[name] === undefined ? undefined : Number(process.env[name]));
const numRuns = number('FC_RUNS');
fc.configureGlobal({ seed: number('FC_SEED') ?? 20_261_122, ...(numRuns === undefined ? {} : { numRuns }) });
