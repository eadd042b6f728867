// Prints the Markdown table of the Penn Treebank runs in results/ptb-small, so that no figure is copied by hand.
// Each file there is the result.json of one run.  node scripts/results-table.mjs
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../results/ptb-small/', import.meta.url);
const runs = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => ({ file, ...JSON.parse(readFileSync(new URL(file, folder), 'utf8')) }))
  .sort((a, b) => a.config.iss - b.config.iss || b.config.keep - a.config.keep || a.file.localeCompare(b.file));

const rows = runs.map(({ config, models, seconds }) => {
  const last = models[models.length - 1];
  const what = described(config);
  const figures = [last.validPerplexity.toFixed(2), last.testPerplexity.toFixed(2), last.hidden.join(', ')];
  return [what, ...figures, `${(last.parameters / 1e6).toFixed(2)} M`, `${(seconds / 60).toFixed(0)} min`];
});
const head = ['', 'valid ppl', 'test ppl', 'hidden', 'parameters', 'training'];
for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);

function described({ iss, target, l1, magnitude, hidden, embedding, keep, shrink }) {
  const dropout = keep < 1 ? `, keep ${keep}` : '';
  if (target) return `ISS to ${target}${dropout}`;
  if (iss > 0) return `ISS, λ ${iss}${shrink ? '' : ', shrunk at the end'}${dropout}`;
  if (l1) return `ℓ1, λ ${l1}${dropout}`;
  if (magnitude) return `magnitude, ${magnitude} zeros${dropout}`;
  return `${hidden.every((h) => h === embedding) ? 'dense' : 'direct design'}, keep ${keep}`;
}
