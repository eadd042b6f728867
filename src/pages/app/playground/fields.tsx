interface FieldProps<Value> {
  readonly label: string;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly isDisabled?: boolean;
}

/** The least and the greatest number of a field, and the step from one to the next. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
}

/** A number within bounds; what is typed beyond them is brought back when the field is left. */
export function NumberField({ label, value, onChange, isDisabled, min, max, step }: FieldProps<number> & Bounds) {
  return (
    <label>
      {label}
      <input
        type="number"
        {...{ value, min, max, step, disabled: isDisabled }}
        onChange={({ currentTarget }) => {
          const typed = currentTarget.valueAsNumber;
          onChange(Number.isFinite(typed) ? Math.min(max, Math.max(min, typed)) : value);
        }}
      />
    </label>
  );
}

interface SelectFieldProps<Option> extends Omit<FieldProps<string | undefined>, 'onChange'> {
  readonly options: readonly Option[];
  readonly onChange: (option: Option) => void;
}

/** One of several options, whose names are values of the field. */
export function SelectField<Option extends { readonly name: string; readonly label: string }>(
  props: SelectFieldProps<Option>,
) {
  const { label, options, value, onChange, isDisabled } = props;
  return (
    <label>
      {label}
      <select
        {...{ value, disabled: isDisabled }}
        onChange={({ currentTarget }) => onChange(options.find(({ name }) => name === currentTarget.value)!)}
      >
        {options.map(({ name, label: text }) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

interface TextFieldProps extends FieldProps<string> {
  readonly rows?: number | undefined;
  readonly placeholder?: string;
}

/** Several lines of text. */
export function TextField({ label, value, onChange, rows = 3, placeholder, isDisabled }: TextFieldProps) {
  return (
    <label class="wide">
      {label}
      <textarea
        {...{ rows, value, placeholder, disabled: isDisabled }}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
    </label>
  );
}
