// Draws docs/images/penn-treebank.svg: test perplexity against parameters on Penn Treebank, of our runs (results/), of the
// ISS paper, and of models that others have published.
//   node scripts/perplexity-figure.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const ours = (run) => {
  const { models } = JSON.parse(readFileSync(new URL(`results/${run}.json`, root), 'utf8'));
  const { parameters, testPerplexity } = models.at(-1);
  return [parameters / 1e6, testPerplexity];
};

/** Each point: millions of parameters, test perplexity, what it is, and where that stands: on the left, this far below. */
const series = [
  {
    name: 'slimrnn',
    at: 0,
    color: '#0b7285',
    points: [
      [...ours('ptb-small/dense-keep1'), 'small, dense'],
      [...ours('ptb-small/dense-keep0.75'), 'small, tuned dropout'],
      [...ours('ptb-small/iss-0.0035'), 'small, ISS'],
      [...ours('ptb-small/direct-66-130'), 'small, direct design', 'start', 14],
      [...ours('ptb-medium/medium-dense'), 'medium, dense', 'end'],
      [...ours('ptb-medium/medium-iss'), 'medium, ISS', 'end', -4],
      [...ours('ptb-medium/medium-iss-more'), 'medium, ISS, 12 more epochs', 'end', 4],
      [...ours('ptb-medium/medium-direct-more'), 'medium, direct design, 12 more'],
    ],
  },
  {
    name: 'Wen et al. 2018 (ISS)',
    at: 110,
    color: '#c2255c',
    points: [
      [66.0, 78.57, 'dense, as Zaremba 2014', 'end', -8],
      [21.8, 78.65, 'ISS, 373 + 315', 'start', 8],
      [21.8, 85.66, 'direct design'],
      [23.5, 65.4, 'RHN 830, dense'],
      [11.1, 65.4, 'RHN 517, ISS'],
      [7.6, 67.7, 'RHN 403, ISS'],
      [5.7, 71.2, 'RHN 328, ISS'],
    ],
  },
  {
    name: 'others, from table 1 of Merity et al. 2017',
    at: 300,
    color: '#868e96',
    points: [
      [20, 82.7, 'Zaremba 2014, medium', 'end'],
      [20, 79.7, 'Gal and Ghahramani 2016, medium', 'end', 4],
      [66, 75.2, 'Gal and Ghahramani 2016, large', 'end', 8],
      [24, 57.3, 'AWD-LSTM (Merity 2017)'],
    ],
  },
];

const [width, height] = [760, 470];
const frame = { left: 60, right: 20, top: 60, bottom: 50 };
const [xs, ys] = [
  [2.5, 80],
  [55, 120],
];
const x = (v) => frame.left + (Math.log(v / xs[0]) / Math.log(xs[1] / xs[0])) * (width - frame.left - frame.right);
const y = (v) => height - frame.bottom - ((v - ys[0]) / (ys[1] - ys[0])) * (height - frame.top - frame.bottom);
const text = (at, content, more = '') =>
  `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${content}</text>`;

const grid = [
  ...[60, 70, 80, 90, 100, 110, 120].map(
    (v) =>
      `<path class="grid" d="M${frame.left} ${y(v).toFixed(1)}H${width - frame.right}"/>` +
      text([frame.left - 8, y(v) + 4], v, 'text-anchor="end"'),
  ),
  ...[3, 5, 10, 20, 40, 66].map((v) => text([x(v), height - frame.bottom + 20], `${v} M`, 'text-anchor="middle"')),
];
const marks = series.flatMap(({ color, points }) =>
  points.map(([millions, perplexity, what, anchor = 'start', down = 0]) => {
    const [cx, cy] = [x(millions), y(perplexity)];
    const at = [cx + (anchor === 'end' ? -9 : 9), cy + 4 + down];
    return (
      `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="5" fill="${color}"/>` +
      text(at, what, `class="label" text-anchor="${anchor}"`)
    );
  }),
);
const legend = series.map(
  ({ name, color, at }) =>
    `<circle cx="${frame.left + 8 + at}" cy="36" r="5" fill="${color}"/>${text([frame.left + 20 + at, 40], name)}`,
);

writeFileSync(
  new URL('docs/images/penn-treebank.svg', root),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>Penn Treebank: test perplexity against parameters</title>
<style>text{fill:#343a40}.label{font-size:11px}.grid{stroke:#dee2e6;fill:none}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
${text([frame.left - 40, 18], 'Penn Treebank: test perplexity (lower is better) against parameters, embeddings included', 'font-size="13" font-weight="600"')}
${[...legend, ...grid, ...marks].join('\n')}
</svg>
`,
);
