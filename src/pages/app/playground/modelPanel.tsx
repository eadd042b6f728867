import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { fileSize, short } from '../../../base/format.ts';
import { messageOf, Problem } from '../../shared/problem.tsx';
import { unbroken } from '../../shared/text.ts';
import { fetchModel, type ModelChoice } from '../api.ts';
import { ActionButton, whyNotReady } from './actionButton.tsx';
import { SelectField, TextField } from './fields.tsx';
import type { LoadedInfo } from './protocol.ts';
import type { ModelsInWorker } from './useModels.ts';

interface ModelPanelProps<Result> extends Omit<ModelPickerProps, 'models'> {
  readonly id: string;
  readonly title: string;
  readonly models: ModelsInWorker<never, Result>;
  readonly textLabel: string;
  readonly textRows?: number;
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
  const { id, title, models, textLabel, textRows, text, onText, working, children, card, ...picker } = props;
  const { phase, results, message } = models;
  return (
    <section class="card part" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <ModelPicker models={models} {...picker} />
      <TextField label={textLabel} rows={textRows} value={text} onChange={onText} />
      {children}
      <p role="status" class="quiet">
        {phase === 'loading' ? 'Loading models …' : phase === 'working' ? working : ''}
      </p>
      {message !== '' && <Problem message={message} />}
      <div class="grid">{models.models.map((model, i) => card(model, results[i], results[1 - i]))}</div>
    </section>
  );
}

interface ModelPickerProps {
  readonly models: Pick<ModelsInWorker<never, unknown>, 'phase' | 'fetching' | 'load' | 'failed'>;
  /** Models of finished runs. */
  readonly choices: readonly ModelChoice[];
  /** What stands left and right at first; undefined where there is nothing to choose. */
  readonly first: readonly [ModelChoice, ModelChoice] | undefined;
  /** Said where there is nothing to choose. */
  readonly nothing: string;
}

/** Two models of finished runs to put side by side, or models from the person's own disk. */
function ModelPicker({ models, choices, first, nothing }: ModelPickerProps) {
  const [chosen, choose] = useState<readonly string[]>([]);
  const [left, right] = [first?.[0].name ?? '', first?.[1].name ?? ''];
  useEffect(() => choose([left, right]), [left, right]);
  const loadChosen = async () => {
    models.fetching();
    try {
      const wanted = chosen.flatMap((name) => choices.find((choice) => choice.name === name) ?? []);
      models.load(await Promise.all(wanted.map(fetchModel)));
    } catch (error) {
      models.failed(messageOf(error));
    }
  };
  const isDisabled = models.phase === 'loading' || models.phase === 'working';
  const select = (label: string, side: number) => (
    <SelectField
      {...{ label, options: choices, value: chosen[side], isDisabled }}
      onChange={({ name }) => choose(chosen.map((other, i) => (i === side ? name : other)))}
    />
  );
  return (
    <>
      {choices.length > 0 ? (
        <div class="fields">
          {select('Left model', 0)}
          {select('Right model', 1)}
          <ActionButton why={isDisabled ? whyNotReady(models.phase) : undefined} onClick={loadChosen}>
            Load these models
          </ActionButton>
        </div>
      ) : (
        <p class="quiet">{nothing}</p>
      )}
      <ModelFiles models={models} isDisabled={isDisabled} />
    </>
  );
}

/** Takes models from the person's own disk: one or two ONNX files and their vocabulary. */
function ModelFiles({ models, isDisabled }: Pick<ModelPickerProps, 'models'> & { isDisabled: boolean }) {
  const files = useRef<HTMLInputElement>(null);
  const words = useRef<HTMLInputElement>(null);
  const load = async () => {
    const chosen = [...(files.current?.files ?? [])].slice(0, 2);
    const vocabulary = await words.current?.files?.[0]?.text();
    if (chosen.length === 0 || vocabulary === undefined) {
      models.failed('Choose one or two model files and the vocabulary.txt that they were trained with.');
      return;
    }
    const given = chosen.map(async (file) => {
      return { label: file.name, model: new Uint8Array(await file.arrayBuffer()), vocabulary };
    });
    models.load(await Promise.all(given));
  };
  return (
    <details class="part">
      <summary>Take models from files</summary>
      <div class="fields">
        <label>
          One or two models (.onnx)
          <input ref={files} type="file" accept=".onnx" multiple />
        </label>
        <label>
          Their vocabulary.txt
          <input ref={words} type="file" accept=".txt" />
        </label>
        <ActionButton why={isDisabled ? whyNotReady(models.phase) : undefined} onClick={load}>
          Load these files
        </ActionButton>
      </div>
    </details>
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
        {unbroken(`${model.hidden.join(' + ')} units, ${short(model.parameters)} parameters, ${fileSize(model.bytes)}`)}
      </p>
      {figure !== undefined && (
        <p class="rate">
          <strong>{figure}</strong>
          {unit}
          {time !== undefined && <span class="quiet"> · {unbroken(time)}</span>}
          {timesFaster > 1.05 && <span class="faster"> · {timesFaster.toFixed(1)}× the other</span>}
        </p>
      )}
      {children}
    </article>
  );
}

/** How many words of a text a model does not know, where there are some. */
export function UnknownWords({ count }: { count: number }) {
  if (count === 0) return null;
  return (
    <p class="quiet small">
      {count} {count === 1 ? 'word is' : 'words are'} not in its vocabulary
    </p>
  );
}
