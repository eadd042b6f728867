import { loadavg } from 'node:os';
import { whole } from '../src/cli/flags.ts';
import { note, table } from '../src/cli/output.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { listOption, wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';
import { profileStep, type StepProfile } from './support/stepProfile.ts';
import { compareVariant, type VariantTime, variants } from './support/stepVariants.ts';
import { stepConfig } from './support/trainingStep.ts';

interface Flags {
  readonly hidden: readonly number[];
  readonly threads?: number;
  readonly rounds: number;
}

/** A step of two layers of one size. */
interface Size {
  readonly hidden: number;
  readonly profile: StepProfile;
  readonly variants: readonly VariantTime[];
}

const WORDS = 10_000;
const [BATCH, STEPS] = [20, 35];
const PROFILED = 10;
/** Operators that are matrix products. */
const PRODUCTS = new Set(['MatMul', 'Gemm', 'FusedMatMul', 'FusedGemm']);
/** Operators shown by name; all others are summed up. */
const SHOWN = 6;

await runScript<Flags>({
  name: 'bench:step',
  about:
    'Where the time of a training step goes, by operator, and what changes of it would bring: two layers with ' +
    `group lasso, ${WORDS} words, batch ${BATCH} × ${STEPS} steps. Each change is timed beside the usual step, in turn.`,
  options: [
    listOption('--hidden', 'hidden sizes', whole('--hidden'), [64, 200, 650, 1500]),
    wholeOption('--threads', 'threads of the engine (default: one per core)'),
    wholeOption('--rounds', 'turns of each', 4),
  ],
  async measure({ hidden: sizes, threads, rounds }) {
    const load = { before: loadavg(), after: loadavg() };
    const found: Size[] = [];
    for (const hidden of sizes) {
      const fields = { keep: 1, hidden: [hidden, hidden], embedding: hidden, batch: BATCH, steps: STEPS };
      const config = stepConfig('iss-large', fields);
      note(`two layers of ${hidden}: profile`);
      const profile = await profileStep(config, { words: WORDS, threads, steps: PROFILED });
      const compared: VariantTime[] = [];
      for (const name of Object.keys(variants)) {
        note(`two layers of ${hidden}: ${name}`);
        compared.push(await compareVariant(config, name, { words: WORDS, threads, rounds }));
      }
      found.push({ hidden, profile, variants: compared });
    }
    load.after = loadavg();
    return {
      figures: { engine: nodeRuntime.name, threads: threads ?? 'one per core', loadAverage: load, sizes: found },
      text: () => [profileTable(found), variantTable(found)].join('\n\n'),
    };
  },
});

function profileTable(sizes: readonly Size[]): string {
  const others = new Set<string>();
  for (const { profile } of sizes) {
    for (const { op } of profile.operators.filter(({ op }) => !PRODUCTS.has(op)).slice(0, SHOWN)) others.add(op);
  }
  const milliseconds = ({ profile }: Size, has: (op: string) => boolean) =>
    profile.operators.reduce((sum, { op, milliseconds }) => sum + (has(op) ? milliseconds : 0), 0);
  const row = (name: string, of: (size: Size) => number) => [
    name,
    ...sizes.map((size) => `${of(size).toFixed(1)} ms (${((100 * of(size)) / size.profile.whole).toFixed(0)} %)`),
  ];
  return table(
    ['', ...sizes.map(({ hidden }) => `H ${hidden}`)],
    [
      row('products', (size) => milliseconds(size, (op) => PRODUCTS.has(op))),
      ...[...others].map((name) => row(name, (size) => milliseconds(size, (op) => op === name))),
      row('other operators', (size) => milliseconds(size, (op) => !PRODUCTS.has(op) && !others.has(op))),
      row('loops beside their operators', ({ profile }) => profile.loops),
      row('penalty, clipping, update, threshold', ({ profile }) => profile.update),
      row('whole step', ({ profile }) => profile.whole),
    ],
  );
}

function variantTable(sizes: readonly Size[]): string {
  return table(
    ['times as fast as the usual step', ...sizes.map(({ hidden }) => `H ${hidden}`)],
    Object.keys(variants).map((name) => [
      name,
      ...sizes.map((size) => `${size.variants.find((variant) => variant.name === name)!.ratio.toFixed(3)}×`),
    ]),
  );
}
