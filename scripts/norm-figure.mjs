// Draws docs/images/question-norms.svg: how the norms of the groups of units spread before and after group lasso, as
// figure 6 of Wen et al. (2018), from two runs of results/squad.
//   node scripts/norm-figure.mjs DENSE ISS
import { readFileSync, writeFileSync } from 'node:fs';

const [before, after] = process.argv.slice(2);
if (after === undefined) {
  console.error('usage: node scripts/norm-figure.mjs DENSE ISS, two runs of results/squad');
  process.exit(2);
}
const root = new URL('..', import.meta.url);

/** Bin b of a histogram in results is from 10^(b/10) to 10^((b+1)/10). */
const BINS_PER_DECADE = 10;
/** Bars between the label of what is gone and the next one, at least. */
const CLEAR = 4;

/** Layers whose units may leave, and the colour of each. */
const layers = { modelling_0: '#0b7285', modelling_1: '#e8590c', output: '#7048e8' };
const names = { modelling_0: 'modelling, first layer', modelling_1: 'modelling, second layer', output: 'output layer' };

/** Units of each layer by the norm at a run's last epoch: those at zero or gone, and the rest by the number of its bin. */
function norms(run) {
  const { history, layers: found } = JSON.parse(readFileSync(new URL(`results/squad/${run}.json`, root), 'utf8'));
  const { groupNorms } = history.at(-1);
  return Object.keys(layers).map((layer) => {
    const own = groupNorms.filter((_, at) => found[at].name.startsWith(`${layer}_`));
    const units = found
      .filter(({ name }) => name.startsWith(`${layer}_`))
      .reduce((sum, { units: all }) => sum + all, 0);
    const bins = new Map();
    for (const { from, counts } of own) {
      for (const [i, count] of counts.entries()) bins.set(from + i, (bins.get(from + i) ?? 0) + count);
    }
    const alive = [...bins.values()].reduce((sum, count) => sum + count, 0);
    return { layer, gone: units - alive, bins };
  });
}

const panels = [
  { title: 'before: dense', of: norms(before) },
  { title: 'after: group lasso', of: norms(after) },
];
const drawn = panels.flatMap(({ of }) => of.flatMap(({ bins }) => [...bins.keys()]));
const lowest = Math.min(...drawn);
const bars = Math.max(...drawn) - lowest + 1;
/** Place of a bar: those at zero or gone stand first, a bar's width before the others. */
const placeOf = (bin) => bin - lowest + 2;
const heightsOf = (of, bin) => of.map(({ bins, gone }) => (bin === undefined ? gone : (bins.get(bin) ?? 0)));
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const tallest = Math.max(...panels.flatMap(({ of }) => [undefined, ...drawn].map((bin) => sum(heightsOf(of, bin)))));

const [width, height] = [760, 300];
const frame = { left: 46, right: 12, top: 66, bottom: 44, between: 40 };
const panelWidth = (width - frame.left - frame.right - frame.between) / 2;
const barWidth = panelWidth / (bars + 2);
const y = (count) => height - frame.bottom - (count / tallest) * (height - frame.top - frame.bottom);
const text = (x, at, content, more = '') => `<text x="${x.toFixed(1)}" y="${at.toFixed(1)}" ${more}>${content}</text>`;
const step = 10 ** Math.floor(Math.log10(tallest)) / (tallest < 3 * 10 ** Math.floor(Math.log10(tallest)) ? 2 : 1);

function panel({ title, of }, at) {
  const left = frame.left + at * (panelWidth + frame.between);
  const x = (place) => left + place * barWidth;
  const grid = [];
  for (let count = 0; count <= tallest; count += step) {
    grid.push(`<path class="grid" d="M${left.toFixed(1)} ${y(count).toFixed(1)}h${panelWidth.toFixed(1)}"/>`);
    grid.push(text(left - 6, y(count) + 4, count, 'text-anchor="end"'));
  }
  const columns = [undefined, ...Array.from({ length: bars }, (_, i) => lowest + i)].map((bin) => {
    const heights = heightsOf(of, bin);
    return heights.map((count, i) => {
      const below = sum(heights.slice(0, i));
      const [bottom, top] = [y(below), y(below + count)];
      if (count === 0) return '';
      const place = bin === undefined ? 0 : placeOf(bin);
      const box = `x="${(x(place) + 0.5).toFixed(1)}" y="${top.toFixed(1)}" height="${(bottom - top).toFixed(1)}"`;
      return `<rect ${box} width="${(barWidth - 1).toFixed(1)}" fill="${layers[of[i].layer]}"/>`;
    });
  });
  const ticks = [text(x(0.5), height - frame.bottom + 16, 'gone', 'text-anchor="middle"')];
  // A label next to the one of what is gone would stand in it.
  const first = Math.ceil((lowest + CLEAR) / BINS_PER_DECADE) * BINS_PER_DECADE;
  for (let bin = first; bin < lowest + bars; bin += BINS_PER_DECADE) {
    ticks.push(
      text(x(placeOf(bin)), height - frame.bottom + 16, 10 ** (bin / BINS_PER_DECADE), 'text-anchor="middle"'),
    );
  }
  return [
    ...[...grid, ...columns.flat(), ...ticks, text(left, frame.top - 12, title, 'font-weight="600"')],
    text(left + panelWidth / 2, height - 8, "norm of a unit's group (logarithmic)", 'text-anchor="middle"'),
  ];
}

const legend = Object.entries(names).map(
  ([layer, name], i) =>
    `<rect x="${frame.left + i * 190}" y="24" width="11" height="11" fill="${layers[layer]}"/>${text(frame.left + 17 + i * 190, 34, name)}`,
);
writeFileSync(
  new URL('docs/images/question-norms.svg', root),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>BiDAF on SQuAD: norms of the groups of units before and after group lasso</title>
<style>text{fill:#343a40}.grid{stroke:#dee2e6;fill:none}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
${text(6, 14, 'BiDAF on SQuAD: how many units have a group of this norm', 'font-size="13" font-weight="600"')}
${[...legend, ...panels.flatMap(panel)].filter(Boolean).join('\n')}
</svg>
`,
);
