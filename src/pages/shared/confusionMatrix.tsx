import type { Confusion } from '../../runs/record.ts';
import { Scroll, Table } from './table.tsx';

/** Most classes for which every pair has a cell; of more only the pairs that are taken for each other most are listed. */
const MOST_CLASSES = 30;
const MOST_PAIRS = 20;
/** Share of the accent in a cell that holds its whole row: the text on it keeps its contrast in both schemes. */
const STRONGEST = 45;

/** Which classes a model takes for which: a row for each true class, in each cell its examples and their share of the row. */
export function ConfusionMatrix({ confusion }: { confusion: Confusion }) {
  const { classes } = confusion;
  if (classes.length > MOST_CLASSES) return <ConfusedPairs confusion={confusion} />;
  return (
    <>
      <p class="quiet small">
        A row for each true class: examples, and their share of the row, by the class that the model gives.
      </p>
      <Scroll label="Confusion matrix">
        <table class="confusion">
          <thead>
            <tr>
              <th scope="col">true class</th>
              {classes.map((name, j) => (
                <th key={j} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {classes.map((name, i) => (
              <ConfusionRow key={i} name={name} counts={confusion.counts[i]!} own={i} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

function ConfusionRow({ name, counts, own }: { name: string; counts: readonly number[]; own: number }) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  return (
    <tr>
      <th scope="row">{name}</th>
      {counts.map((count, j) => {
        const share = total === 0 ? 0 : count / total;
        const heat = `color-mix(in srgb, var(--series-${j === own ? 1 : 2}) ${(STRONGEST * share).toFixed(1)}%, transparent)`;
        return (
          <td key={j} style={{ background: heat }}>
            {count} <span class="share">{percent(share)}</span>
          </td>
        );
      })}
    </tr>
  );
}

/** The pairs of classes that are mistaken most often. */
function ConfusedPairs({ confusion: { classes, counts } }: { confusion: Confusion }) {
  const pairs = counts.flatMap((row, i) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.flatMap((count, j) => (i === j || count === 0 ? [] : [{ i, j, count, share: count / total }]));
  });
  const most = pairs.sort((a, b) => b.count - a.count).slice(0, MOST_PAIRS);
  return (
    <>
      <p class="quiet small">Of {classes.length} classes, those that the model takes for another one most often.</p>
      <Table
        head={['true class', 'taken for', 'examples', 'share']}
        label="Classes that are mistaken most often"
        rows={most.map(({ i, j, count, share }) => [classes[i]!, classes[j]!, String(count), percent(share)])}
      />
    </>
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
