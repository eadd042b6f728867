import { basename, resolve } from 'node:path';
import { findLabelled, labelledSource } from '../../data/labelled/findLabelled.ts';
import type { LabelledText } from '../../data/labelled/labelledText.ts';
import { readLabelled } from '../../data/labelled/readLabelled.ts';
import { loadSpam, SPAM_PACKAGE } from '../../data/spamAssassin.ts';
import { WordTable } from '../../data/wordTable.ts';
import type { Sources } from '../task.ts';
import { collectTexts } from './collectTexts.ts';
import type { TextFields } from './definition.ts';
import type { NamedTexts } from './loadedTexts.ts';
import { makeTextData } from './textData.ts';

/** Name of the embedded texts, which also are there when nobody names any. */
const EMBEDDED = 'spam';

type Rows = AsyncIterable<LabelledText> | Iterable<LabelledText>;
type PartRows = { readonly train: Rows; readonly valid?: Rows; readonly test?: Rows };

/** Reads the texts that the sources name, else the embedded e-mails. Throws a UsageError for what cannot serve. */
export async function loadTexts(sources: Sources, fields: TextFields, seed: number): Promise<NamedTexts> {
  const isEmbedded = sources.data === undefined || sources.data === EMBEDDED;
  const source = isEmbedded ? `SpamAssassin public mail corpus (npm package ${SPAM_PACKAGE})` : sources.data!;
  const inside: PartRows = isEmbedded ? await loadSpam() : await rowsOf(sources.data!, fields);
  const apart = async (path: string | undefined) => path && readLabelled(await labelledSource(path), fields);
  const [valid, test] = [(await apart(sources.valid)) || inside.valid, (await apart(sources.test)) || inside.test];
  const table = new WordTable();
  const collect = (rows: Rows) => collectTexts(rows, table, { ...fields, seed });
  const parts = {
    train: await collect(inside.train),
    ...(valid && { valid: await collect(valid) }),
    ...(test && { test: await collect(test) }),
  };
  const data = makeTextData(source, parts, table, fields);
  return { ...data, name: isEmbedded ? EMBEDDED : basename(resolve(source)), source };
}

async function rowsOf(path: string, fields: TextFields): Promise<PartRows> {
  const { train, valid, test } = await findLabelled(path);
  return {
    train: readLabelled(train, fields),
    ...(valid && { valid: readLabelled(valid, fields) }),
    ...(test && { test: readLabelled(test, fields) }),
  };
}
