import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface ActionButtonProps {
  readonly children: ComponentChildren;
  /** Why the button does nothing now, as a sentence; undefined when it does. */
  readonly why: string | undefined;
  readonly isPrimary?: boolean;
  /** Left out for a button that submits its form. */
  readonly onClick?: () => void;
}

/** A button that says why when it cannot be used: beside it, and to who reaches it with the keyboard. */
export function ActionButton({ children, why, isPrimary = false, onClick }: ActionButtonProps) {
  const id = useId();
  return (
    <span class="action">
      <button
        type={onClick ? 'button' : 'submit'}
        class={isPrimary ? 'primary' : undefined}
        aria-disabled={why !== undefined}
        aria-describedby={why === undefined ? undefined : id}
        onClick={why === undefined ? onClick : undefined}
      >
        {children}
      </button>
      {why !== undefined && (
        <span id={id} class="quiet small">
          {why}
        </span>
      )}
    </span>
  );
}

/** Why models cannot be given a task; undefined when they can. */
export function whyNotReady(phase: 'idle' | 'loading' | 'ready' | 'working'): string | undefined {
  switch (phase) {
    case 'idle':
      return 'Load models first.';
    case 'loading':
      return 'The models are being loaded.';
    case 'working':
      return 'The models are at work.';
    case 'ready':
      return undefined;
  }
}
