import type { Reporter, TestModule } from 'vitest/node';

/** How many files are listed. */
const LISTED = 10;

/** Lists the files of tests that took longest, their imports included: `npm run test:slowest`. */
export default class SlowestFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules
      .map((module) => {
        const { collectDuration, setupDuration, duration } = module.diagnostic();
        return { name: module.relativeModuleId, seconds: (collectDuration + setupDuration + duration) / 1000 };
      })
      .toSorted((a, b) => b.seconds - a.seconds);
    const total = files.reduce((sum, { seconds }) => sum + seconds, 0);
    console.log(`\nThe slowest of ${files.length} files, which took ${total.toFixed(0)} s one after another:`);
    for (const { name, seconds } of files.slice(0, LISTED)) console.log(`${seconds.toFixed(1).padStart(8)} s  ${name}`);
  }
}
