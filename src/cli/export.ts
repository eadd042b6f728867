import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { grouped } from '../base/format.ts';
import { saveArrays } from '../data/arrays.ts';
import { formatShape } from '../graph/dims.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Model } from '../graph/types.ts';
import { saveModel } from '../onnx/file.ts';
import { denseModel, sparseModel, weightArrays } from '../onnx/storedForm.ts';
import { simplify } from '../passes/simplify.ts';
import { streamingModel } from '../passes/streaming.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertStreams } from '../verify/assertStreams.ts';
import { checkNewFile, collect } from './flags.ts';
import { addGivenFlags, type GivenFlags, type OpenedModel, openModel } from './givenFlags.ts';
import { tellModels, withinSeconds } from './guarded.ts';
import { agreement, note, print } from './output.ts';
import { traceOptionsFrom } from './traceFlags.ts';
import { addVerifyFlags, remarksOn, type VerifyFlags, verifyOptionsFrom } from './verifyFlags.ts';

interface ExportFlags extends GivenFlags, VerifyFlags {
  out: string;
  streaming?: boolean;
  dense?: boolean;
  sparse?: boolean;
  safetensors?: string;
  state?: readonly string[];
  force?: boolean;
}

/** `slimrnn export model.onnx --streaming --out streaming.onnx` */
export const command = new Command('export')
  .summary('write a model in another form: with its recurrent states as inputs and outputs, sparse or dense')
  .description(
    'With --streaming, gives a sequence model its recurrent states as inputs and outputs, so that a text or a signal ' +
      'can be fed in pieces. The new model is run on a sequence in two pieces and written only if that gives what the ' +
      'old one gives on the whole. With --dense all weights become ordinary tensors; with --sparse those that are mostly ' +
      "zero are stored by value and place (ONNX's sparse_initializer). Both keep every weight, bit for bit.",
  )
  .argument('<model>', 'an ONNX file')
  .requiredOption('--out <file>', 'where to write the new model')
  .option('--streaming', 'recurrent states as inputs and outputs')
  .option('--dense', 'ordinary tensors, zeros and all')
  .option('--sparse', 'sparse tensors wherever they take less')
  .option('--safetensors <file>', 'write the weights beside it, with --dense or --sparse')
  .option('--state <in=out>', 'a state that the model streams already (repeatable)', collect)
  .option('--force', 'replace --out if it exists');
addGivenFlags(command);
addVerifyFlags(command);
command.action(exportCommand);

async function exportCommand(path: string, flags: ExportFlags): Promise<void> {
  const forms = (['streaming', 'dense', 'sparse'] as const).filter((form) => flags[form]);
  const said = forms.map((form) => `--${form}`).join(' and ');
  if (forms.length !== 1) {
    throw new UsageError(
      `say which form to write: --streaming, --dense or --sparse${said === '' ? '' : `, not ${said}`}`,
    );
  }
  const { safetensors } = flags;
  if (flags.streaming && safetensors !== undefined) throw new UsageError('--safetensors goes with --dense or --sparse');
  if (safetensors !== undefined && !safetensors.endsWith('.safetensors')) {
    throw new UsageError(`--safetensors: the name must end in .safetensors, got ${safetensors}`);
  }
  checkNewFile(path, flags.out, flags.force);
  if (safetensors !== undefined) checkNewFile(path, safetensors, flags.force);
  const opened = await openModel(path, flags);
  if (flags.streaming) await exportStreaming(path, opened, flags);
  else await exportStored(path, opened.model, flags);
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
