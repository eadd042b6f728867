import type { DistanceMap } from '../../report/data.ts';
import { Scroll } from './table.tsx';

/** Share of the accent in a cell of distance 0: text on it keeps its contrast in both schemes. */
const STRONGEST = 45;

/** Distances of models from each other as a table whose cells are the stronger, the nearer two models are. */
export function DistanceMapTable({ map: { names, distances }, label }: { map: DistanceMap; label: string }) {
  return (
    <Scroll label={label}>
      <table class="distances">
        <thead>
          <tr>
            <th scope="col" />
            {names.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {distances.map((row, i) => (
            <tr key={names[i]}>
              <th scope="row">{names[i]}</th>
              {row.map((distance, j) => (
                <td key={j} style={{ background: i === j ? undefined : heat(1 - distance) }}>
                  {i === j ? '–' : distance.toFixed(2)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function heat(nearness: number): string {
  return `color-mix(in srgb, var(--series-1) ${(STRONGEST * nearness).toFixed(1)}%, transparent)`;
}
