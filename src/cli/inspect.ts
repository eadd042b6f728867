import { Command } from 'commander';
import { formatShape } from '../graph/dims.ts';
import type { GroupSummary } from '../groups/groupMembers.ts';
import { describeModel, type LayerSummary, type ModelSummary } from '../inspect/describe.ts';
import type { NormSummary } from '../inspect/normSummary.ts';
import { openModel, sizeHints } from './givenFlags.ts';
import { heldText, noLayersText, quantizedLines, uncountedText } from './heldText.ts';
import { addExamples } from './helpTexts.ts';
import { modelFile } from './modelFile.ts';
import { bars, grouped, print, rounded, table } from './output.ts';
import { addTraceFlags, stateHints, type TraceFlags, traceOptionsFrom } from './traceFlags.ts';

interface InspectFlags extends TraceFlags {
  groups?: boolean;
}

/** `slimrnn inspect model.onnx` */
export const command = new Command('inspect')
  .description(
    'Shows the layers of a model, how many of their units nothing reads, the norms of their groups, parameters and ' +
      'multiply-adds per time step (of a convolution: per position of its output).',
  )
  .argument('<model>', 'an ONNX file, or a run directory')
  .option('--groups', 'show which parts of which tensors belong to each unit');
addTraceFlags(command);
addExamples(command, ['inspect model.onnx', 'inspect runs/iss-small', 'inspect step.onnx --state h=h_out --groups']);
command.action(async (path: string, flags: InspectFlags) => {
  const { model } = await openModel(modelFile(path), flags);
  const groups = flags.groups === true;
  const summary = describeModel(model, { ...traceOptionsFrom(model, flags), groups });
  const hints = sizeHints(model);
  print({ file: path, ...summary }, () => [summaryText(path, summary), ...section(hints)].join('\n'));
});

function summaryText(path: string, s: ModelSummary): string {
  const layers = table(
    ['layer', 'operator', 'units', 'removable', 'weights per unit', 'norm min', 'median', 'max', 'zero', 'histogram'],
    s.layers.map((l) => [
      l.name,
      l.operator,
      grouped(l.units),
      l.removable === undefined ? '?' : grouped(l.removable),
      l.groupSize === undefined ? '?' : grouped(l.groupSize),
      ...normCells(l.norms),
    ]),
  );
  const border = (title: string, values: ModelSummary['inputs']) =>
    values.map((v) => `${title} ${v.name} ${v.type.elementType} ${formatShape(v.type.shape)}`);
  return [
    path,
    '',
    s.layers.length === 0 ? noLayersText(s) : layers,
    '',
    `${grouped(s.parameters)} parameters, ${grouped(s.multiplyAdds)} multiply-adds per time step${uncountedText(s.uncounted)}`,
    ...border('input ', s.inputs),
    ...border('output', s.outputs),
    ...s.states.map(({ input, output }) => `state  ${input} → ${output}`),
    ...section(s.layers.flatMap(remarks)),
    ...section(stateHints({ unclear: s.unclearStates, scattered: s.scatteredStates })),
    ...section(quantizedLines(s.quantized)),
    ...section(s.problem === undefined ? [] : [`units could not be traced: ${s.problem}`]),
    ...(s.groups === undefined ? [] : s.layers.flatMap((l) => memberLines(l, s.groups!))),
  ].join('\n');
}

function section(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

function normCells(norms: NormSummary | undefined): string[] {
  if (norms === undefined) return ['–', '–', '–', '–', ''];
  const { min, median, max, zeros, histogram } = norms;
  return [rounded(min), rounded(median), rounded(max), grouped(zeros), bars(histogram)];
}

/** Why units of a layer do not leave. */
function remarks(layer: LayerSummary): string[] {
  const { name, units, lossy } = layer;
  const held = heldText(layer);
  return [
    ...(held === undefined ? [] : [`${name}: ${held}`]),
    ...lossy.map(
      (l) => `${name}: ${grouped(l.units)} of ${grouped(units)} units cannot leave without loss: ${l.reason}`,
    ),
  ];
}

/** One line for each axis that units of a layer have a part in, with the indices of the first such unit. */
function memberLines({ name }: LayerSummary, groups: readonly GroupSummary[]): string[] {
  const axes = new Map<string, { role: string; counts: number[]; first: string }>();
  for (const { units, members } of groups) {
    const unit = units.find((u) => u.layer === name);
    if (unit === undefined) continue;
    for (const { tensor, axis, role, indices } of members) {
      const key = `${tensor}[axis=${axis}]`;
      const known = axes.get(key);
      if (known) known.counts.push(indices.length);
      else axes.set(key, { role, counts: [indices.length], first: `unit ${unit.unit}: ${listed(indices)}` });
    }
  }
  if (axes.size === 0) return [];
  const rows = [...axes].map(([key, { role, counts, first }]) => [
    key,
    role,
    grouped(counts.length),
    spread(counts),
    first,
  ]);
  return ['', table([`groups of ${name}`, 'role', 'units', 'indices per unit', 'indices of the first'], rows)];
}

function spread(counts: readonly number[]): string {
  const [low, high] = counts.reduce(([a, b], n) => [Math.min(a, n), Math.max(b, n)], [Infinity, 0] as [number, number]);
  return low === high ? String(low) : `${low}–${high}`;
}

const LONGEST_LIST = 6;

function listed(indices: readonly number[]): string {
  const more = indices.length > LONGEST_LIST ? ', …' : '';
  return `${indices.slice(0, LONGEST_LIST).join(', ')}${more}`;
}
