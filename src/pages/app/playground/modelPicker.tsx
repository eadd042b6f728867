import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../shared/messageOf.ts';
import { fetchModel, type ModelChoice } from '../api.ts';
import { ModelFiles } from './modelFiles.tsx';
import type { GivenModel } from './protocol.ts';

interface ModelPickerProps {
  /** Models of finished runs. */
  readonly choices: readonly ModelChoice[];
  /** What stands left and right at first; undefined where there is nothing to choose. */
  readonly first: readonly [ModelChoice, ModelChoice] | undefined;
  /** Said where there is nothing to choose. */
  readonly nothing: string;
  readonly isDisabled: boolean;
  /** The files are being fetched. */
  readonly onFetching: () => void;
  readonly onGiven: (models: readonly GivenModel[]) => void;
  readonly onProblem: (message: string) => void;
}

/** Two models of finished runs to put side by side, or models from the person's own disk. */
export function ModelPicker({ choices, first, nothing, isDisabled, ...on }: ModelPickerProps) {
  const [chosen, choose] = useState<readonly [string, string]>(['', '']);
  const [left, right] = [first?.[0].key ?? '', first?.[1].key ?? ''];
  useEffect(() => choose([left, right]), [left, right]);
  const loadChosen = async () => {
    on.onFetching();
    try {
      const wanted = chosen.flatMap((key) => choices.find((c) => c.key === key) ?? []);
      on.onGiven(await Promise.all(wanted.map(fetchModel)));
    } catch (error) {
      on.onProblem(messageOf(error));
    }
  };
  return (
    <>
      {choices.length > 0 ? (
        <div class="fields">
          {['Left', 'Right'].map((side, i) => (
            <label key={side}>
              {side} model
              <select
                value={chosen[i]}
                disabled={isDisabled}
                onChange={({ currentTarget: { value } }) => choose(i === 0 ? [value, chosen[1]] : [chosen[0], value])}
              >
                {choices.map(({ key, label }) => (
                  <option key={key} value={key}>
                    {label}
                  </option>
                ))}
              </select>
            </label>
          ))}
          <button type="button" onClick={loadChosen} disabled={isDisabled}>
            Load these models
          </button>
        </div>
      ) : (
        <p class="quiet">{nothing}</p>
      )}
      <ModelFiles onChosen={on.onGiven} isDisabled={isDisabled} onProblem={on.onProblem} />
    </>
  );
}
