import { counted, duration } from '../../../base/format.ts';
import { layerNames } from '../../../runs/layerNames.ts';
import type { RunRecord } from '../../../runs/record.ts';
import { ConfigTable } from '../../shared/configTable.tsx';
import { ConfusionMatrix } from '../../shared/confusionMatrix.tsx';
import { CourseCharts } from '../../shared/courseCharts.tsx';
import { unitCourse } from '../../shared/dying.ts';
import { ModelTable } from '../../shared/modelTable.tsx';
import { NormHistograms } from '../../shared/normHistogram.tsx';
import { Problem } from '../../shared/problem.tsx';
import { Progress } from '../../shared/progress.tsx';
import { UnitPicture } from '../../shared/unitStrips.tsx';
import { fetchRun, fileUrl, followRun, nameOf } from '../api.ts';
import { useFetched } from '../useFetched.ts';

/** One run: where it is, how it went, its files. */
export function RunPage({ id }: { id: string }) {
  const [record, problem] = useFetched(() => fetchRun(id), followRun);
  if (problem !== '') return <Problem message={problem} />;
  return record === undefined ? <p class="quiet">Reading the run …</p> : <RunDetails record={record} />;
}

function RunDetails({ record }: { record: RunRecord }) {
  const { summary, config, epochs, live, problems, truncated } = record;
  const layers = layerNames(record);
  const began = record.result?.layers?.map(({ units }) => units);
  const course = unitCourse(epochs, began, record.result?.kept);
  return (
    <>
      <h1>{nameOf(summary)}</h1>
      <p>
        <span class={`state ${summary.state}`} role="status">
          {summary.state}
        </span>{' '}
        <span class="quiet">
          {summary.methodLabel} · epoch {epochs.at(-1)?.epoch ?? 0}
          {summary.epochs.all === undefined ? '' : ` of ${summary.epochs.all}`}
        </span>
      </p>
      {live && (
        <div class="card" data-testid="live">
          <Progress live={live} scores={summary.scores} items={summary.items} />
        </div>
      )}
      {problems.map((problem) => (
        <p key={problem} class="problem">
          {problem}
        </p>
      ))}
      <Files record={record} />
      {course && <UnitPicture course={course} layers={layers} />}
      {record.result && <Models record={record} />}
      {truncated && <p class="quiet small">The run has more epochs than are shown here: these are the last ones.</p>}
      <h2>Training</h2>
      <CourseCharts rows={epochs} layers={layers} scores={summary.scores} items={summary.items} />
      {summary.method !== 'dense' && epochs.length > 0 && (
        <>
          <h2>Group norms</h2>
          <NormHistograms rows={epochs} layers={layers} threshold={config?.threshold} />
        </>
      )}
      {config && <ConfigTable config={config} />}
    </>
  );
}

/** What can be had of a run: models first, then what they came from. */
function Files({ record: { summary } }: { record: RunRecord }) {
  const files = summary.files.filter((name) => name !== 'report.html');
  return (
    <p class="fields">
      {summary.hasReport && (
        <a class="button" href={fileUrl(summary.id, 'report.html')}>
          Report
        </a>
      )}
      {summary.folderReport !== undefined && (
        <a class="button" href={fileUrl(summary.folderReport, 'report.html')}>
          Report of {summary.folderReport === '' ? 'all runs' : summary.folderReport}
        </a>
      )}
      {files.map((name) => (
        <a key={name} class="button" href={fileUrl(summary.id, name)} download={`${summary.name}-${name}`}>
          {name}
        </a>
      ))}
      {!summary.hasReport && summary.folderReport === undefined && summary.state === 'finished' && (
        <span class="quiet small">
          <code>slimrnn report</code> makes a report with weight maps and latencies.
        </span>
      )}
    </p>
  );
}

function Models({ record: { result, summary } }: { record: RunRecord }) {
  const { models, seconds, verify } = result!;
  const confusion = models.at(-1)?.details?.confusion;
  return (
    <>
      <ModelTable
        models={models.map((model) => ({ label: model.name, model }))}
        scores={summary.scores}
        label={`Models of ${nameOf(summary)}`}
      />
      <p class="quiet small">
        Trained for {duration(seconds)}.
        {verify &&
          (verify.maxAbsDifference === 0
            ? ` The slim model gave the same outputs on ${counted(verify.batches, 'batch', 'batches')}, to the last bit.`
            : ` The slim model agrees within ${verify.maxRelativeDifference.toExponential(1)} on ${counted(verify.batches, 'batch', 'batches')}.`)}
      </p>
      {confusion && (
        <>
          <h2>Confusion matrix</h2>
          <ConfusionMatrix confusion={confusion} />
        </>
      )}
    </>
  );
}
