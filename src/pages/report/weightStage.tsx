import { useEffect, useId, useState } from 'preact/hooks';
import type { DrawnAxis, WeightMapData } from '../../report/data.ts';
import { stretches, type UnitCourse, unitsThere } from '../shared/dying.ts';

interface WeightStageProps {
  readonly map: WeightMapData;
  readonly course: UnitCourse;
  /** Which step of the course is shown. */
  readonly at: number;
}

/**
 * A weight matrix while its units die: what is left in the end with its weights, what was still there at this step pale,
 * because its weights are not stored, and what was gone by then as stripes.
 */
export function WeightStage({ map, course, at }: WeightStageProps) {
  const id = useId();
  // The document holds the picture already among the weights: here it is drawn from the data once there is a script.
  const [isAwake, wake] = useState(false);
  useEffect(() => wake(true), []);
  const { name, down, across } = map;
  const [rows, columns] = [down.before, across.before];
  const whole = { width: columns, height: rows };
  const size = `${rows} × ${columns}`;
  return (
    <svg
      class="stage"
      viewBox={`0 0 ${columns} ${rows}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${name}, ${size} weights: units that are gone after epoch ${course.steps[at]!.epoch} are striped out`}
      style={{ aspectRatio: `${columns} / ${Math.min(rows, 1.2 * columns)}` }}
    >
      <defs>
        <clipPath id={`${id}rows`}>
          {down.kept.map(([first, length]) => (
            <rect key={first} y={first} width={columns} height={length} />
          ))}
        </clipPath>
        <clipPath id={`${id}columns`}>
          {across.kept.map(([first, length]) => (
            <rect key={first} x={first} width={length} height={rows} />
          ))}
        </clipPath>
      </defs>
      <rect class="pale" {...whole} />
      <g clip-path={`url(#${id}rows)`}>
        <g clip-path={`url(#${id}columns)`}>
          <rect class="ground" {...whole} />
          {isAwake && <image href={`data:image/png;base64,${map.before.png}`} preserveAspectRatio="none" {...whole} />}
        </g>
      </g>
      <g class="gone">
        {goneIn(down, course, at).map(([first, length]) => (
          <rect key={`row ${first}`} y={first} width={columns} height={length} />
        ))}
        {goneIn(across, course, at).map(([first, length]) => (
          <rect key={`column ${first}`} x={first} width={length} height={rows} />
        ))}
      </g>
    </svg>
  );
}

/** Stretches of an axis whose units are gone at a step, in indices of the model as it began. */
function goneIn({ segments, before }: DrawnAxis, { began, kept, steps }: UnitCourse, at: number) {
  const gone = segments.flatMap(({ layer, length }): boolean[] => {
    if (layer === undefined || began[layer] !== length) return Array<boolean>(length).fill(false);
    return unitsThere(length, steps[at]!.alive[layer]!, kept?.[layer]).map((isThere) => !isThere);
  });
  return stretches(gone.slice(0, before));
}
