import type { OptimizerName } from '../../../optimizers/registry.ts';
import type { ScheduleName } from '../../../optimizers/schedules/registry.ts';
import { type Bounds, NumberField, SelectField } from './fields.tsx';
import type { TrainingChoice } from './protocol.ts';

/** What the fields say: all of a choice but the text. */
export type TrainingSettings = Omit<TrainingChoice, 'text' | 'seed'>;

interface Offer<Name> {
  readonly name: Name;
  readonly label: string;
}

/** What the page offers, with a learning rate and a λ that suit a small language model. */
const OPTIMIZERS: readonly (Offer<OptimizerName> & Pick<TrainingSettings, 'learningRate' | 'iss'>)[] = [
  { name: 'sgd', label: 'SGD', learningRate: 1, iss: 0.014 },
  { name: 'momentum', label: 'momentum', learningRate: 0.1, iss: 0.014 },
  { name: 'asgd', label: 'averaged SGD', learningRate: 1, iss: 0.014 },
  { name: 'adam', label: 'Adam', learningRate: 0.01, iss: 0.007 },
];

const SCHEDULES: readonly Offer<ScheduleName>[] = [
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
  const [units = 4] = hidden;
  const sizes = (layers: number, size: number) => ({ hidden: Array<number>(layers).fill(size) });
  const number = (label: string, value: number, bounds: Bounds, part: (n: number) => Partial<TrainingSettings>) => (
    <NumberField {...{ label, value, isDisabled, ...bounds }} onChange={(n) => change(part(n))} />
  );
  return (
    <>
      {number('Layers', hidden.length, { min: 1, max: 3, step: 1 }, (n) => sizes(n, units))}
      {number('Units a layer', units, { min: 4, max: 512, step: 4 }, (n) => sizes(hidden.length, n))}
      {number('λ', iss, { min: 0.0001, max: 1, step: 'any' }, (n) => ({ iss: n }))}
      {number('Epochs', epochs, { min: 1, max: 100, step: 1 }, (n) => ({ epochs: n }))}
      <SelectField
        {...{ label: 'Optimizer', options: OPTIMIZERS, value: optimizer, isDisabled }}
        onChange={({ name, label: _, ...rates }) => change({ optimizer: name, ...rates })}
      />
      {number('Learning rate', learningRate, { min: 0.00001, max: 10, step: 'any' }, (n) => ({ learningRate: n }))}
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
