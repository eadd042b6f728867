interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
  readonly onChange: (value: number) => void;
  readonly isDisabled?: boolean;
}

/** A number within bounds; what is typed beyond them is brought back when the field is left. */
export function NumberField({ label, value, min, max, step, onChange, isDisabled = false }: NumberFieldProps) {
  return (
    <label>
      {label}
      <input
        type="number"
        {...{ value, min, max, step }}
        disabled={isDisabled}
        onChange={({ currentTarget }) => {
          const typed = currentTarget.valueAsNumber;
          onChange(Number.isFinite(typed) ? Math.min(max, Math.max(min, typed)) : value);
        }}
      />
    </label>
  );
}

interface SelectFieldProps<Option> {
  readonly label: string;
  readonly options: readonly Option[];
  /** Name of the option that is chosen. */
  readonly value: string | undefined;
  readonly onChange: (option: Option) => void;
  readonly isDisabled: boolean;
}

/** One of several options. */
export function SelectField<Option extends { readonly name: string; readonly label: string }>(
  props: SelectFieldProps<Option>,
) {
  const { label, options, value, onChange, isDisabled } = props;
  return (
    <label>
      {label}
      <select
        value={value}
        disabled={isDisabled}
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

interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly rows?: number;
  readonly placeholder?: string;
  readonly isDisabled?: boolean;
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
