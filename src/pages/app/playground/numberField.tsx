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
