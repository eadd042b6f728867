import { expect, test } from 'vitest';
import type { Settings } from '../../../base/fields.ts';
import { resolveConfig } from '../../../config/resolve.ts';
import { buildVocabulary } from '../../../data/vocabulary.ts';
import { readModel } from '../../../onnx/read.ts';
import { writeModel } from '../../../onnx/write.ts';
import { withoutDropout } from '../../../passes/withoutDropout.ts';
import { nodeRuntime } from '../../../runtime/node.ts';
import { languageModelDefinition } from '../../../tasks/language-model/definition.ts';
import { freshModel } from '../../../tasks/language-model/model.ts';
import { textSession } from './textSession.ts';

const { presets } = languageModelDefinition;
const configOf = (settings: Settings) => resolveConfig(settings, { tasks: [languageModelDefinition] });
const vocabulary = buildVocabulary(['a', 'b', 'c', 'd', 'e']);
const small = { hidden: [6], embedding: 6, initScale: 0.8 };
const kinds = {
  lstm: { ...presets['zaremba-small'], ...small, hidden: [6, 5] },
  gru: { ...presets['zaremba-small'], ...small, cell: 'gru' },
  rhn: { ...presets['rhn-small'], ...small, depth: 2 },
};

test.each(Object.entries(kinds))(
  '%s: word after word reads as all at once, and again after a reset',
  async (_, config) => {
    const fresh = withoutDropout(freshModel(configOf(config), vocabulary));
    const session = await textSession(readModel(writeModel(fresh)), nodeRuntime);
    const ids = [3, 1, 4, 1, 0, 2];
    const atOnce = [...(await session.read(ids))].map(Number);
    expect(atOnce).toHaveLength(vocabulary.words.length);
    for (let again = 0; again < 2; again++) {
      session.reset();
      let last: number[] = [];
      for (const id of ids) last = [...(await session.read([id]))].map(Number);
      for (const [i, value] of last.entries()) expect(value).toBeCloseTo(atOnce[i]!, 5);
    }
    // Without the words before, the last one means something else.
    session.reset();
    const alone = [...(await session.read([2]))].map(Number);
    expect(Math.max(...alone.map((value, i) => Math.abs(value - atOnce[i]!)))).toBeGreaterThan(1e-4);
    await session.release();
  },
);

test('a model that predicts no words is refused', async () => {
  const model = withoutDropout(freshModel(configOf(kinds.lstm), vocabulary));
  const { graph } = model;
  const other = { ...model, graph: { ...graph, outputs: graph.outputs.slice(1) } };
  await expect(textSession(other, nodeRuntime)).rejects.toThrow('none that continues text');
});
