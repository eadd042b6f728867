import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { fileErrorReason, writeAtomically } from '../base/files.ts';
import { grouped } from '../base/format.ts';
import { saveArrays } from '../data/arrays.ts';
import { formatShape } from '../graph/dims.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Model } from '../graph/types.ts';
import { kerasDialect } from '../keras/dialect.ts';
import { saveModel } from '../onnx/file.ts';
import { denseModel, sparseModel, weightArrays } from '../onnx/storedForm.ts';
import { simplify } from '../passes/simplify.ts';
import { streamingModel } from '../passes/streaming.ts';
import type { Dialect } from '../python/dialect.ts';
import { pythonModule, SOURCE_FILE } from '../python/pythonModule.ts';
import { torchDialect } from '../pytorch/dialect.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertStreams } from '../verify/assertStreams.ts';
import { checkNewFile, collect, isFolder } from './flags.ts';
import { addGivenFlags, type GivenFlags, type OpenedModel, openModel } from './givenFlags.ts';
import { tellModels, withinSeconds } from './guarded.ts';
import { addExamples } from './helpTexts.ts';
import { modelFile } from './modelFile.ts';
import { agreement, note, print } from './output.ts';
import { traceOptionsFrom } from './traceFlags.ts';
import { addVerifyFlags, remarksOn, type VerifyFlags, verifyOptionsFrom } from './verifyFlags.ts';

interface ExportFlags extends GivenFlags, VerifyFlags {
  out: string;
  streaming?: boolean;
  dense?: boolean;
  sparse?: boolean;
  safetensors?: string;
  to?: string;
  state?: readonly string[];
  force?: boolean;
}

/** Where a model can go back to. */
const frameworks: Readonly<Record<string, Dialect>> = { pytorch: torchDialect, keras: kerasDialect };

/** `slimrnn export model.onnx --streaming --out streaming.onnx` */
export const command = new Command('export')
  .description(
    'With --streaming, gives a sequence model its recurrent states as inputs and outputs, so that a text or a signal ' +
      'can be fed in pieces. The new model is run on a sequence in two pieces and written only if that gives what the ' +
      'old one gives on the whole. With --dense all weights become ordinary tensors; with --sparse those that are mostly ' +
      "zero are stored by value and place (ONNX's sparse_initializer). Both keep every weight, bit for bit. With " +
      '--to --out is a folder: model.py holds a torch.nn.Module with its weights in model.safetensors (pytorch), or a ' +
      'keras.Model for Keras 3 with its weights in model.npz (keras).',
  )
  .argument('<model>', 'an ONNX file, or a run directory')
  .requiredOption('--out <file>', 'where to write the new model; with --to a folder')
  .option('--streaming', 'recurrent states as inputs and outputs')
  .option('--dense', 'ordinary tensors, zeros and all')
  .option('--sparse', 'sparse tensors wherever they take less')
  .option('--safetensors <file>', 'write the weights beside it, with --dense or --sparse')
  .option('--to <framework>', `source and weights for ${Object.keys(frameworks).join(', ')}`)
  .option('--state <in=out>', 'a state that the model streams already (repeatable)', collect)
  .option('--force', 'replace --out if it exists');
addGivenFlags(command);
addVerifyFlags(command);
addExamples(command, [
  'export model.onnx --streaming --out streaming.onnx',
  'export runs/iss-small --to pytorch --out torch',
  'export sparse.onnx --dense --out dense.onnx',
]);
command.action((path: string, flags: ExportFlags) => exportCommand(modelFile(path), flags));

async function exportCommand(path: string, flags: ExportFlags): Promise<void> {
  const forms = (['streaming', 'dense', 'sparse', 'to'] as const).filter((form) => flags[form] !== undefined);
  const said = forms.map((form) => `--${form}`).join(' and ');
  if (forms.length !== 1) {
    throw new UsageError(
      `say which form to write: --streaming, --dense, --sparse or --to${said === '' ? '' : `, not ${said}`}`,
    );
  }
  const { safetensors } = flags;
  if (!flags.dense && !flags.sparse && safetensors !== undefined) {
    throw new UsageError('--safetensors goes with --dense or --sparse');
  }
  if (safetensors !== undefined && !safetensors.endsWith('.safetensors')) {
    throw new UsageError(`--safetensors: the name must end in .safetensors, got ${safetensors}`);
  }
  if (flags.to !== undefined) return exportTo(flags.to, path, flags);
  checkNewFile(path, flags.out, flags.force);
  if (safetensors !== undefined) checkNewFile(path, safetensors, flags.force);
  const opened = await openModel(path, flags);
  if (flags.streaming) await exportStreaming(path, opened, flags);
  else await exportStored(path, opened.model, flags);
}

/** Writes `model.py` and its weights into a folder, which is made where there is none. */
async function exportTo(framework: string, path: string, flags: ExportFlags): Promise<void> {
  const { out, force } = flags;
  const dialect = Object.hasOwn(frameworks, framework) ? frameworks[framework] : undefined;
  if (dialect === undefined) {
    throw new UsageError(`--to takes ${Object.keys(frameworks).join(' or ')}, got '${framework}'`);
  }
  if (existsSync(out) && !isFolder(out)) throw new UsageError(`--out ${out} is a file; name a folder`);
  const [sourceFile, weightsFile] = [join(out, SOURCE_FILE), join(out, dialect.text.weightsFile)];
  if (existsSync(out)) for (const file of [sourceFile, weightsFile]) checkNewFile(path, file, force);
  const { model, forGiven } = await openModel(path, flags);
  const { source, weights, layers } = pythonModule(model, dialect);
  await mkdir(out, { recursive: true }).catch((cause) => {
    throw new UsageError(`cannot make the folder ${out}: ${fileErrorReason(cause)}`, { cause });
  });
  await saveArrays(weightsFile, weights);
  await writeAtomically(sourceFile, source);
  print({ model: path, out, to: framework, layers: layers.map(({ name, made }) => ({ name, made })) }, () =>
    [
      ...layers.map(({ name, made }) => `${name}: ${made}`),
      `written to ${sourceFile} and ${weightsFile}${forGiven}`,
    ].join('\n'),
  );
}

async function exportStored(path: string, model: Model, { out, dense, safetensors }: ExportFlags): Promise<void> {
  const stored = dense ? denseModel(model) : sparseModel(model);
  await saveModel(out, stored);
  if (safetensors !== undefined) await saveArrays(safetensors, weightArrays(stored));
  const sparse = [...stored.graph.initializers].flatMap(([name, tensor]) =>
    tensor instanceof SparseTensor ? [{ name, dims: tensor.dims, values: tensor.count }] : [],
  );
  const bytes = (await stat(out)).size;
  print({ model: path, out, safetensors, bytes, sparse }, () =>
    [
      ...sparse.map(({ name, dims, values }) => `${name} ${formatShape(dims)}: ${grouped(values)} values`),
      `written to ${out}${safetensors === undefined ? '' : ` and ${safetensors}`}`,
    ].join('\n'),
  );
}

async function exportStreaming(
  path: string,
  { model, original, forGiven }: OpenedModel,
  flags: ExportFlags,
): Promise<void> {
  const streaming = streamingModel(simplify(model), traceOptionsFrom(model, flags).states);
  note('verifying that a sequence in pieces gives what it gives as a whole');
  tellModels([path], nodeRuntime);
  const verify = await withinSeconds(flags.verifySeconds, (onWindow) =>
    assertStreams(nodeRuntime, original, streaming, { ...verifyOptionsFrom(flags), onWindow }),
  );
  await saveModel(flags.out, streaming.model);
  const shapes = new Map(streaming.model.graph.inputs.map((v) => [v.name, v.type.shape]));
  const states = streaming.added.map((pair) => ({ ...pair, shape: shapes.get(pair.input) }));
  print({ model: path, out: flags.out, states, verify }, () =>
    [
      ...states.map((s) => `state ${s.input} ${formatShape(s.shape)}, next: ${s.output}`),
      '',
      `verified on a sequence in two pieces: outputs ${agreement(verify)} those of ${path}`,
      ...remarksOn(verify),
      `written to ${flags.out}${forGiven}`,
    ].join('\n'),
  );
}
