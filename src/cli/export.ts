import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { formatShape } from '../graph/dims.ts';
import { saveModel } from '../onnx/file.ts';
import { simplify } from '../passes/simplify.ts';
import { streamingModel } from '../passes/streaming.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertStreams } from '../verify/assertStreams.ts';
import { checkNewFile, collect } from './flags.ts';
import { addGivenFlags, type GivenFlags, openModel } from './givenFlags.ts';
import { agreement, note, print } from './output.ts';
import { traceOptionsFrom } from './traceFlags.ts';

interface ExportFlags extends GivenFlags {
  out: string;
  streaming?: boolean;
  state?: readonly string[];
  force?: boolean;
}

/** `slimrnn export model.onnx --streaming --out streaming.onnx` */
export const command = new Command('export')
  .summary('write a model in another form: with its recurrent states as inputs and outputs')
  .description(
    'With --streaming, gives a sequence model its recurrent states as inputs and outputs, so that a text or a signal ' +
      'can be fed in pieces. The new model is run on a sequence in two pieces and written only if that gives what the ' +
      'old one gives on the whole.',
  )
  .argument('<model>', 'an ONNX file')
  .requiredOption('--out <file>', 'where to write the new model')
  .option('--streaming', 'recurrent states as inputs and outputs')
  .option('--state <in=out>', 'a state that the model streams already (repeatable)', collect)
  .option('--force', 'replace --out if it exists');
addGivenFlags(command);
command.action(exportCommand);

async function exportCommand(path: string, flags: ExportFlags): Promise<void> {
  if (!flags.streaming) throw new UsageError('say which form to write: --streaming');
  checkNewFile(path, flags.out, flags.force);
  const { model, original } = await openModel(path, flags);
  const streaming = streamingModel(simplify(model), traceOptionsFrom(model, flags).states);
  note('verifying that a sequence in pieces gives what it gives as a whole');
  const verify = await assertStreams(nodeRuntime, original, streaming);
  await saveModel(flags.out, streaming.model);
  const shapes = new Map(streaming.model.graph.inputs.map((v) => [v.name, v.type.shape]));
  const states = streaming.added.map((pair) => ({ ...pair, shape: shapes.get(pair.input) }));
  print({ model: path, out: flags.out, states, verify }, () =>
    [
      ...states.map((s) => `state ${s.input} ${formatShape(s.shape)}, next: ${s.output}`),
      '',
      `verified on a sequence in two pieces: outputs ${agreement(verify)} those of ${path}`,
      `written to ${flags.out}`,
    ].join('\n'),
  );
}
