import type { Command } from 'commander';
import { formatShape } from '../graph/dims.ts';
import { loadModel } from '../onnx/file.ts';
import { describeModel, type ModelSummary } from '../slim/describe.ts';
import { grouped, print, table } from './output.ts';

/** `slimrnn inspect model.onnx` */
export function addInspectCommand(program: Command): void {
  program
    .command('inspect')
    .summary('show layers, sizes and what can be removed')
    .description('Shows the layers of a model, how many of their units nothing reads, parameters and multiply-adds.')
    .argument('<model>', 'an ONNX file')
    .option('--json', 'print one JSON document on stdout')
    .action(async (path: string, flags: { json?: boolean }) => {
      const summary = describeModel(await loadModel(path));
      print(flags.json, { file: path, ...summary }, () => summaryText(path, summary));
    });
}

function summaryText(path: string, s: ModelSummary): string {
  const layers = table(
    ['layer', 'operator', 'units', 'removable', 'weights per unit'],
    s.layers.map((l) => [
      l.name,
      l.operator,
      String(l.units),
      l.removable === undefined ? '?' : String(l.removable),
      l.groupSize === undefined ? '?' : grouped(l.groupSize),
    ]),
  );
  const border = (title: string, values: ModelSummary['inputs']) =>
    values.map((v) => `${title} ${v.name} ${v.type.elementType} ${formatShape(v.type.shape)}`);
  return [
    path,
    '',
    layers,
    '',
    `${grouped(s.parameters)} parameters, ${grouped(s.multiplyAdds)} multiply-adds per token`,
    ...border('input ', s.inputs),
    ...border('output', s.outputs),
    ...(s.problem === undefined ? [] : ['', `units could not be traced: ${s.problem}`]),
  ].join('\n');
}
