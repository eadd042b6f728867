import type { ComponentChildren } from 'preact';
import { fileSize, short } from '../../../base/format.ts';
import { Problem } from '../../shared/problem.tsx';
import { TextField } from './fields.tsx';
import { ModelPicker } from './modelPicker.tsx';
import type { LoadedInfo } from './protocol.ts';
import type { ModelsInWorker } from './useModels.ts';

interface ModelPanelProps<Result> extends Omit<Parameters<typeof ModelPicker>[0], 'models'> {
  readonly id: string;
  readonly title: string;
  readonly models: ModelsInWorker<never, Result>;
  readonly textLabel: string;
  readonly text: string;
  readonly onText: (text: string) => void;
  /** Said while the models work. */
  readonly working: string;
  /** What stands below the text. */
  readonly children: ComponentChildren;
  /** What a model came to, beside the result of the other one. */
  readonly card: (model: LoadedInfo, own: Result | undefined, other: Result | undefined) => ComponentChildren;
}

/** A part of the playground that lets two models side by side do something with a text. */
export function ModelPanel<Result>(props: ModelPanelProps<Result>) {
  const { id, title, models, textLabel, text, onText, working, children, card, ...picker } = props;
  const { phase, results, message } = models;
  return (
    <section class="card part" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <ModelPicker models={models} {...picker} />
      <TextField label={textLabel} value={text} onChange={onText} />
      {children}
      <p role="status" class="quiet">
        {phase === 'loading' ? 'Loading models …' : phase === 'working' ? working : ''}
      </p>
      {message !== '' && <Problem message={message} />}
      <div class="grid">{models.models.map((model, i) => card(model, results[i], results[1 - i]))}</div>
    </section>
  );
}

interface ModelCardProps {
  readonly model: LoadedInfo;
  /** What a test finds it by. */
  readonly testId: string;
  /** The figure in large, and what it is said in. */
  readonly figure: string | undefined;
  readonly unit?: string;
  readonly time: string | undefined;
  /** Milliseconds of this model and of the other one, where both are known. */
  readonly own: number | undefined;
  readonly other: number | undefined;
  readonly children: ComponentChildren;
}

/** A model with its sizes, how fast it is, and what it came to. */
export function ModelCard({ model, testId, figure, unit, time, own, other, children }: ModelCardProps) {
  const timesFaster = own !== undefined && other !== undefined ? other / own : 1;
  return (
    <article class="card" data-testid={testId}>
      <h3>{model.label}</h3>
      <p class="quiet small">
        {model.hidden.join(' + ')} units, {short(model.parameters)} parameters, {fileSize(model.bytes)}
      </p>
      {figure !== undefined && (
        <p class="rate">
          <strong>{figure}</strong>
          {unit}
          {time !== undefined && <span class="quiet"> · {time}</span>}
          {timesFaster > 1.05 && <span class="faster"> · {timesFaster.toFixed(1)}× the other</span>}
        </p>
      )}
      {children}
    </article>
  );
}
