import { grouped } from '../../base/format.ts';
import { stretches, type UnitCourse, unitsThere } from './dying.ts';
import { StepSlider, useSteps } from './steps.tsx';

interface UnitStripsProps {
  readonly course: UnitCourse;
  readonly layers: readonly string[];
  /** Which step of the course is shown. */
  readonly at: number;
}

/** A strip for each layer: its units side by side, those that are gone left empty, and how many are there. */
export function UnitStrips({ course: { began, kept, steps }, layers, at }: UnitStripsProps) {
  const { alive } = steps[at]!;
  return (
    <ul class="strips-of-units">
      {began.map((units, i) => {
        const there = unitsThere(units, alive[i]!, kept?.[i]);
        return (
          <li key={i}>
            <span class="label">{layers[i] ?? `layer ${i + 1}`}</span>
            <svg class="units" viewBox={`0 0 ${units} 1`} preserveAspectRatio="none" aria-hidden="true">
              {stretches(there).map(([first, length]) => (
                <rect key={first} x={first} width={length} height="1" />
              ))}
              {units <= 128 && <Gaps units={units} />}
            </svg>
            <span class="count">
              {grouped(alive[i]!)} of {grouped(units)}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** Lines between units, where they are wide enough for them. */
function Gaps({ units }: { units: number }) {
  const lines = Array.from({ length: units - 1 }, (_, i) => `M${i + 1} 0V1`);
  return <path class="gaps" d={lines.join('')} />;
}

/** How such pictures come about. */
export function courseNote({ kept }: UnitCourse): string {
  return kept === undefined
    ? 'Each cell is a unit. The run records how many are alive after each epoch, not which: empty cells stand at the end.'
    : 'Each cell is a unit. The run records how many are alive after each epoch and which are left in the end, not the order in which the others left: here they leave in the order of their numbers.';
}

/** The units of a run while it trained, step by step. */
export function UnitPicture({ course, layers }: Pick<UnitStripsProps, 'course' | 'layers'>) {
  const steps = useSteps(course.steps.length);
  return (
    <figure class="card unit-picture">
      <figcaption>
        <h3>Units while training</h3>
        <StepSlider steps={steps} epochs={course.steps.map(({ epoch }) => epoch)} />
      </figcaption>
      <UnitStrips {...{ course, layers }} at={steps.at} />
      <p class="quiet small">{courseNote(course)}</p>
    </figure>
  );
}
