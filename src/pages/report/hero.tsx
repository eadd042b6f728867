import type { ReportRun, WeightMapData } from '../../report/data.ts';
import { unitCourse } from '../shared/dying.ts';
import { StepSlider, useSteps } from '../shared/steps.tsx';
import { courseNote, UnitStrips } from '../shared/unitStrips.tsx';
import { Headline } from './headline.tsx';
import { WeightStage } from './weightStage.tsx';

/** What a report opens with: what became of the run that matters most, in four numbers, and the picture of it. */
export function Hero({ run, runs }: { run: ReportRun; runs: readonly ReportRun[] }) {
  return (
    <section class="hero" aria-labelledby="hero">
      <h2 id="hero" class={runs.length > 1 ? undefined : 'visually-hidden'}>
        {runs.length > 1 ? run.name : 'In short'}
      </h2>
      <Headline run={run} runs={runs} />
      <Picture run={run} />
    </section>
  );
}

/** How the units of the run died, epoch by epoch, and a matrix of weights with them. */
function Picture({ run }: { run: ReportRun }) {
  const course = unitCourse(run.epochs, run.began, run.kept);
  const steps = useSteps(course?.steps.length ?? 1);
  if (course === undefined) return null;
  const map = course.kept && widest(run.maps);
  return (
    <figure class="card hero-picture">
      <figcaption>
        <h3>Units while training</h3>
        <StepSlider steps={steps} epochs={course.steps.map(({ epoch }) => epoch)} />
      </figcaption>
      <div class={map ? 'hero-parts' : undefined}>
        {map && (
          <div>
            <WeightStage map={map} course={course} at={steps.at} />
            <p class="quiet small">
              <code>{map.name}</code>, rows from top to bottom.{' '}
              <span class="nowrap">
                <span class="swatch large-weight" /> left in the end,
              </span>{' '}
              <span class="nowrap">
                <span class="swatch pale" /> still there,
              </span>{' '}
              <span class="nowrap">
                <span class="swatch removed" /> gone.
              </span>
            </p>
          </div>
        )}
        <div>
          <UnitStrips course={course} layers={run.layers} at={steps.at} />
          <p class="quiet small">
            {courseNote(course)}
            {map && ' Weights are those at the end; earlier ones are not stored.'}
          </p>
        </div>
      </div>
    </figure>
  );
}

/** The matrix in which most can be seen: units along both axes, and large; of equal ones the last, where more layers meet. */
function widest(maps: readonly WeightMapData[]): WeightMapData | undefined {
  const hasUnits = ({ segments }: WeightMapData['down']) => segments.some(({ layer }) => layer !== undefined);
  const both = maps.filter(({ down, across }) => hasUnits(down) && hasUnits(across));
  const area = ({ down, across }: WeightMapData) => down.before * across.before;
  return both.reduce<WeightMapData | undefined>(
    (most, map) => (most && area(most) > area(map) ? most : map),
    undefined,
  );
}
