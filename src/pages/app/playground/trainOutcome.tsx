import { useState } from 'preact/hooks';
import { counted, fileSize } from '../../../base/format.ts';
import { perplexity } from '../../../tasks/score.ts';
import { ModelTable } from '../../shared/modelTable.tsx';
import type { TakeModels, TrainedFile, TrainingOutcome } from './protocol.ts';

const LABELS = { trained: 'trained here', slim: 'trained here, slim' } as const;

/** What a training came to: how many units died, both models side by side, and their files. */
export function TrainOutcome({ outcome, onTrained }: { outcome: TrainingOutcome; onTrained: TakeModels }) {
  const { began, models, vocabulary, verify, stoppedEarly } = outcome;
  const worst = verify.maxRelativeDifference;
  const sum = (units: readonly number[]) => units.reduce((a, b) => a + b, 0);
  const give = () =>
    onTrained(models.map(({ name, content }) => ({ label: LABELS[name], model: content, vocabulary })));
  return (
    <div class="part" data-testid="outcome">
      <p role="status" class="verified">
        <strong>
          {sum(began) - sum(models[1].figures.hidden)} of {sum(began)} units died.
        </strong>{' '}
        {stoppedEarly ? 'Stopped early. ' : ''}
        The slim model computes what the trained one does
        {worst === 0 ? ', to the last bit' : `, within ${worst.toExponential(1)}`} on{' '}
        {counted(verify.batches, 'window')}.
      </p>
      <ModelTable
        models={models.map(({ name, figures }) => ({ label: name, model: figures }))}
        scores={[perplexity]}
        label="The trained model and the slim one"
      />
      <p class="fields">
        {models.map((model) => (
          <Download key={model.name} model={model} />
        ))}
        <a
          class="button"
          download="vocabulary.txt"
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(vocabulary)}`}
        >
          vocabulary.txt
        </a>
        <button type="button" onClick={give}>
          Let it continue a text
        </button>
      </p>
    </div>
  );
}

function Download({ model: { name, content } }: { model: TrainedFile }) {
  const file = name === 'slim' ? 'slim.onnx' : 'model.onnx';
  const [url] = useState(() => URL.createObjectURL(new Blob([content], { type: 'application/octet-stream' })));
  return (
    <a class="button" download={file} href={url}>
      {file}, {fileSize(content.length)}
    </a>
  );
}
