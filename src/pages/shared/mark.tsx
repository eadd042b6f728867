/** The mark of the project: three units, of which one vanishes with its connection. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg class="mark" viewBox="0 0 28 28" width={size} height={size} aria-hidden="true">
      <g fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">
        <path d="M6 5 22 14M6 23 22 14" />
        <path class="vanishing" d="M9 14H18" stroke-dasharray="1.5 3" />
      </g>
      <circle cx="6" cy="5" r="3.5" fill="currentColor" />
      <circle cx="6" cy="23" r="3.5" fill="currentColor" />
      <circle cx="23" cy="14" r="3.5" fill="currentColor" />
      <circle class="vanishing" cx="6" cy="14" r="3" fill="none" stroke="currentColor" stroke-dasharray="1.5 2" />
    </svg>
  );
}

/** The mark beside the name. */
export function Brand() {
  return (
    <span class="brand">
      <Mark />
      <span>
        <strong>slim</strong>rnn
      </span>
    </span>
  );
}
