interface SelectFieldProps<Option extends { readonly name: string; readonly label: string }> {
  readonly label: string;
  readonly options: readonly Option[];
  /** Name of the option that is chosen. */
  readonly value: string;
  readonly onChange: (option: Option) => void;
  readonly isDisabled?: boolean;
}

/** One of several options. */
export function SelectField<Option extends { readonly name: string; readonly label: string }>({
  label,
  options,
  value,
  onChange,
  isDisabled = false,
}: SelectFieldProps<Option>) {
  return (
    <label>
      {label}
      <select
        value={value}
        disabled={isDisabled}
        onChange={({ currentTarget }) => {
          const chosen = options.find(({ name }) => name === currentTarget.value);
          if (chosen) onChange(chosen);
        }}
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
