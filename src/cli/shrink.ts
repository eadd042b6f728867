import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { loadModel, saveModel } from '../onnx/file.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { describeModel } from '../slim/describe.ts';
import { shrinkZeros } from '../slim/shrink.ts';
import { assertEqual } from '../slim/verify.ts';
import { agreement, fileSize, grouped, note, print, table } from './output.ts';

interface ShrinkFlags {
  out: string;
  force?: boolean;
  seed: string;
  json?: boolean;
}

/** `slimrnn shrink model.onnx --out slim.onnx` */
export function addShrinkCommand(program: Command): void {
  program
    .command('shrink')
    .summary('remove units that nothing reads, without loss')
    .description(
      'Removes the hidden units whose output no surviving weight reads. Both models then run on the same inputs,\n' +
        'and the small one is written only if their outputs agree up to rounding.',
    )
    .argument('<model>', 'an ONNX file')
    .requiredOption('--out <file>', 'where to write the smaller model')
    .option('--force', 'replace --out if it exists')
    .option('--seed <number>', 'seed of the inputs that both models are compared on', '1')
    .option('--json', 'print one JSON document on stdout')
    .action(shrinkCommand);
}

async function shrinkCommand(path: string, flags: ShrinkFlags): Promise<void> {
  const seed = Number(flags.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new UsageError(`--seed takes a whole number, got '${flags.seed}'`);
  if (resolve(path) === resolve(flags.out)) throw new UsageError('--out must be another file than the model itself');
  await checkNewFile(flags.out, flags.force === true);
  const model = await loadModel(path);
  const before = describeModel(model);
  const { model: slim, layers, groups, removed } = shrinkZeros(model);
  note('verifying that both models compute the same');
  const verify = await assertEqual(nodeRuntime, model, slim, { seed, removal: { groups, removed } });
  await saveModel(flags.out, slim);
  const after = describeModel(slim);
  const document = {
    model: path,
    out: flags.out,
    layers,
    parameters: { before: before.parameters, after: after.parameters },
    multiplyAdds: { before: before.multiplyAdds, after: after.multiplyAdds },
    bytes: { before: (await stat(path)).size, after: (await stat(flags.out)).size },
    verify,
  };
  print(flags.json, document, () => {
    const rows = [
      ...layers.map((l) => [`${l.name} units`, grouped(l.before), grouped(l.after)]),
      ['parameters', grouped(document.parameters.before), grouped(document.parameters.after)],
      ['multiply-adds per token', grouped(document.multiplyAdds.before), grouped(document.multiplyAdds.after)],
      ['file', fileSize(document.bytes.before), fileSize(document.bytes.after)],
    ];
    return [
      table(['', 'before', 'after'], rows),
      '',
      `verified on the same inputs: outputs of the smaller model ${agreement(verify)} those of ${path}`,
      `written to ${flags.out}`,
    ].join('\n');
  });
}

/** Throws UsageError when a file cannot be put there, before any work is done. */
async function checkNewFile(path: string, replace: boolean): Promise<void> {
  if (!existsSync(dirname(path)))
    throw new UsageError(`--out ${path}: there is no folder ${dirname(path)}; make it first`);
  if (!existsSync(path)) return;
  if ((await stat(path)).isDirectory()) throw new UsageError(`--out ${path} is a folder; name a file in it`);
  if (!replace) throw new UsageError(`${path} exists; add --force to replace it, or choose another --out`);
}
