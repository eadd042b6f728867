const works = new Set<() => void>();

/** Has something done when the process ends by itself or by `process.exit`, unless the function returned is called before. */
export function atExit(work: () => void): () => void {
  if (works.size === 0) process.on('exit', doAll);
  works.add(work);
  return () => {
    if (works.delete(work) && works.size === 0) process.removeListener('exit', doAll);
  };
}

function doAll(): void {
  for (const work of works) {
    try {
      work();
    } catch {
      // The others are to be done all the same, and nobody listens any more.
    }
  }
}
