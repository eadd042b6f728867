/** Colours of a scheme as charts need them. */
export interface Colors {
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly surface: string;
  readonly accent: string;
  readonly series: readonly string[];
}

const SERIES = 8;

/**
 * The colours that hold for an element now: custom properties may be `light-dark(…)`, which only a computed colour
 * settles.
 */
export function colorsOf(element: Element): Colors {
  const probe = document.createElement('span');
  element.append(probe);
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colors = {
    text: read('text'),
    quiet: read('quiet'),
    line: read('line'),
    surface: read('surface'),
    accent: read('accent'),
    series: Array.from({ length: SERIES }, (_, i) => read(`series-${i + 1}`)),
  };
  probe.remove();
  return colors;
}

/** Calls back when the page changes its colours: another scheme, or printing (always light). Returns how to stop. */
export function onColorsChange(changed: () => void): () => void {
  const queries = [matchMedia('(prefers-color-scheme: dark)'), matchMedia('print')];
  for (const query of queries) query.addEventListener('change', changed);
  return () => {
    for (const query of queries) query.removeEventListener('change', changed);
  };
}
