import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import { formatShape } from '../graph/dims.ts';
import { statesOf } from '../graph/states.ts';
import { loadModel, saveModel } from '../onnx/file.ts';
import { traceNotes } from '../onnx/traces.ts';
import { readGiven } from '../passes/givenText.ts';
import { specialize } from '../passes/specialize.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertEqual } from '../verify/verify.ts';
import { checkNewFile } from './flags.ts';
import { addGivenFlags, type GivenFlags } from './givenFlags.ts';
import { addExamples } from './helpTexts.ts';
import { loadFeeds } from './loadFeeds.ts';
import { modelFile } from './modelFile.ts';
import { agreement, fileSize, grouped, note, print, table } from './output.ts';

interface SpecializeFlags extends GivenFlags {
  out: string;
  force?: boolean;
  inputs?: string;
}

/** `slimrnn specialize model.onnx --set sr=16000 --size batch=1 --out fixed.onnx` */
export const command = new Command('specialize')
  .description(
    'Gives inputs a value for good (they disappear), fixes free dimensions, and simplifies until nothing more follows: ' +
      'constants are folded, conditions decided, functions inlined. Without --set and --size the model is only ' +
      'simplified. Both models then run on the same random inputs, and the new one is written only if they agree.',
  )
  .argument('<model>', 'an ONNX file, or a run directory')
  .requiredOption('--out <file>', 'where to write the new model')
  .option('--force', 'replace --out if it exists');
addGivenFlags(command);
command.option(
  '--inputs <file>',
  'compare both models on these arrays (.npz, .safetensors, .jsonl), named as the inputs',
);
addExamples(command, [
  'specialize model.onnx --size batch=1 --out one.onnx',
  'specialize vad.onnx --set sr=16000 --size input.1=576 --out vad16k.onnx',
]);
command.action(async (path: string, flags: SpecializeFlags) => {
  const result = await specializeFile(modelFile(path), flags);
  print(result, () => resultText(result, flags.inputs ?? 'the same random inputs'));
});

async function specializeFile(path: string, flags: SpecializeFlags) {
  checkNewFile(path, flags.out, flags.force);
  const model = await loadModel(path);
  traceNotes(model, path).forEach(note);
  const { values, sizes } = readGiven(model.graph, flags);
  const { model: simple, given, nodes, decided, undecided, inputs } = specialize(model, { values, sizes });
  const states = statesOf(given);
  const feeds = flags.inputs === undefined ? undefined : await loadFeeds(flags.inputs, given, states);
  note('verifying that both models compute the same');
  const verify = await assertEqual(nodeRuntime, given, simple, {
    ...(feeds ? { feeds } : { seed: 1 }),
    states,
  });
  await saveModel(flags.out, simple);
  return {
    model: path,
    out: flags.out,
    nodes,
    decided,
    undecided,
    removedInputs: [...(values?.keys() ?? [])],
    inputs,
    outputs: simple.graph.outputs,
    bytes: { before: (await stat(path)).size, after: (await stat(flags.out)).size },
    verify,
  };
}

function resultText(result: Awaited<ReturnType<typeof specializeFile>>, inputs: string): string {
  const { nodes, bytes, decided, undecided, removedInputs, verify, model, out } = result;
  const rows = [
    ['nodes', grouped(nodes.before), grouped(nodes.after)],
    ['file', fileSize(bytes.before), fileSize(bytes.after)],
  ];
  const branch = { then_branch: 'then', else_branch: 'else' } as const;
  return [
    table(['', 'before', 'after'], rows),
    '',
    ...decided.map((d) => `decided: If '${d.name}' takes its ${branch[d.branch]} branch`),
    ...(undecided > 0 ? [`${grouped(undecided)} If left: their conditions depend on the inputs`] : []),
    ...removedInputs.map((name) => `input  ${name} is gone`),
    ...result.inputs.map(({ name, type }) => `input  ${name} ${type.elementType} ${formatShape(type.shape)}`),
    ...result.outputs.map(({ name, type }) => `output ${name} ${type.elementType} ${formatShape(type.shape)}`),
    '',
    `verified on ${inputs}: outputs ${agreement(verify)} those of ${model}`,
    `written to ${out}`,
  ].join('\n');
}
