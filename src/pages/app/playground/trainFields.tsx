import type { OptimizerName } from '../../../optimizers/registry.ts';
import type { ScheduleName } from '../../../optimizers/schedules/registry.ts';
import { NumberField, SelectField } from './fields.tsx';
import type { TrainingChoice } from './protocol.ts';

/** What the fields say: all of a choice but the text. */
export type TrainingSettings = Omit<TrainingChoice, 'text' | 'seed'>;

/** An optimizer that the page offers, with a learning rate and a λ that suit a small language model. */
interface OfferedOptimizer extends Pick<TrainingSettings, 'learningRate' | 'iss'> {
  readonly name: OptimizerName;
  readonly label: string;
}

const OPTIMIZERS: readonly OfferedOptimizer[] = [
  { name: 'sgd', label: 'SGD', learningRate: 1, iss: 0.014 },
  { name: 'momentum', label: 'momentum', learningRate: 0.1, iss: 0.014 },
  { name: 'asgd', label: 'averaged SGD', learningRate: 1, iss: 0.014 },
  { name: 'adam', label: 'Adam', learningRate: 0.01, iss: 0.007 },
];

const SCHEDULES: readonly { readonly name: ScheduleName; readonly label: string }[] = [
  { name: 'step', label: 'halved in each late epoch' },
  { name: 'cosine', label: 'falls along a cosine' },
  { name: 'plateau', label: 'halved when progress stops' },
  { name: 'constant', label: 'stays' },
];

/** What the fields say at first. */
export const FIRST_SETTINGS: TrainingSettings = {
  hidden: [128, 128],
  iss: 0.014,
  epochs: 12,
  optimizer: 'sgd',
  learningRate: 1,
  schedule: 'step',
  shrink: false,
};

interface TrainFieldsProps {
  readonly settings: TrainingSettings;
  readonly onChange: (settings: TrainingSettings) => void;
  readonly isDisabled: boolean;
}

/** The fields of a training: sizes, penalty, and how weights follow the gradient. */
export function TrainFields({ settings, onChange, isDisabled }: TrainFieldsProps) {
  const { hidden, iss, epochs, optimizer, learningRate, schedule, shrink } = settings;
  const change = (part: Partial<TrainingSettings>) => onChange({ ...settings, ...part });
  const sizes = (layers: number, units: number) => change({ hidden: Array<number>(layers).fill(units) });
  const [units = 4] = hidden;
  const number = { isDisabled, step: 1, min: 1 };
  return (
    <>
      <NumberField {...number} label="Layers" value={hidden.length} max={3} onChange={(n) => sizes(n, units)} />
      <NumberField
        {...{ ...number, label: 'Units a layer', min: 4, max: 512, step: 4, value: units }}
        onChange={(n) => sizes(hidden.length, n)}
      />
      <NumberField
        {...{ ...number, label: 'λ', min: 0.0001, max: 1, step: 'any', value: iss }}
        onChange={(n) => change({ iss: n })}
      />
      <NumberField {...number} label="Epochs" value={epochs} max={100} onChange={(n) => change({ epochs: n })} />
      <SelectField
        {...{ label: 'Optimizer', options: OPTIMIZERS, value: optimizer, isDisabled }}
        onChange={({ name, learningRate: rate, iss: strength }) =>
          change({ optimizer: name, learningRate: rate, iss: strength })
        }
      />
      <NumberField
        {...{ ...number, label: 'Learning rate', min: 0.00001, max: 10, step: 'any', value: learningRate }}
        onChange={(n) => change({ learningRate: n })}
      />
      <SelectField
        {...{ label: 'Its course', options: SCHEDULES, value: schedule, isDisabled }}
        onChange={({ name }) => change({ schedule: name })}
      />
      <label class="tick">
        <input
          type="checkbox"
          checked={shrink}
          disabled={isDisabled}
          onChange={({ currentTarget }) => change({ shrink: currentTarget.checked })}
        />
        Shrink while training, which makes it faster
      </label>
    </>
  );
}
