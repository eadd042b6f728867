import { useEffect, useState } from 'preact/hooks';

/** Milliseconds that a whole course takes, and the least for a step: each can be seen. */
const WHOLE = 6000;
const LEAST = 80;
const MOST = 700;

/** The step of a course that is shown, how to go to another one, and how to let them pass. */
export interface Steps {
  readonly at: number;
  readonly isPlaying: boolean;
  goTo(at: number): void;
  play(): void;
}

/** Steps from 0 to count − 1, the last one at first; later ones are followed as they come. */
export function useSteps(count: number): Steps {
  const last = count - 1;
  const [chosen, choose] = useState(Number.POSITIVE_INFINITY);
  const [isPlaying, setPlaying] = useState(false);
  const at = Math.max(0, Math.min(chosen, last));
  useEffect(() => {
    if (!isPlaying) return;
    if (at >= last) {
      choose(Number.POSITIVE_INFINITY);
      setPlaying(false);
      return;
    }
    const wait = Math.max(LEAST, Math.min(MOST, WHOLE / count));
    const timer = setTimeout(() => choose(at + 1), wait);
    return () => clearTimeout(timer);
  }, [isPlaying, at, last]);
  return {
    ...{ at, isPlaying },
    goTo(to) {
      setPlaying(false);
      choose(to >= last ? Number.POSITIVE_INFINITY : to);
    },
    play() {
      if (!isPlaying && at >= last) choose(0);
      setPlaying(!isPlaying);
    },
  };
}

/** A slider over epochs, with a button that plays them; who wants less motion has the slider alone. */
export function StepSlider({ steps, epochs }: { steps: Steps; epochs: readonly number[] }) {
  const epoch = epochs[steps.at] ?? 0;
  const text = epoch === 0 ? 'before training' : `epoch ${epoch}`;
  return (
    <p class="steps no-print">
      {epochs.length > 1 && (
        <button type="button" class="play" onClick={steps.play}>
          {steps.isPlaying ? 'Pause' : 'Play'}
        </button>
      )}
      <label>
        <output>{text}</output>
        <input
          class="slider"
          type="range"
          min={0}
          max={epochs.length - 1}
          value={steps.at}
          aria-label="Epoch"
          aria-valuetext={text}
          onInput={({ currentTarget }) => steps.goTo(Number(currentTarget.value))}
        />
      </label>
    </p>
  );
}
