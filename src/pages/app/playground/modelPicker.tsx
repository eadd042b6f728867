import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../../shared/problem.tsx';
import { fetchModel, type ModelChoice } from '../api.ts';
import { SelectField } from './fields.tsx';
import type { ModelsInWorker } from './useModels.ts';

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
export function ModelPicker({ models, choices, first, nothing }: ModelPickerProps) {
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
          <button type="button" onClick={loadChosen} disabled={isDisabled}>
            Load these models
          </button>
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
        <button type="button" onClick={load} disabled={isDisabled}>
          Load these files
        </button>
      </div>
    </details>
  );
}
