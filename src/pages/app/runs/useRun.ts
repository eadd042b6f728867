import { useEffect, useState } from 'preact/hooks';
import type { RunRecord } from '../../../runs/record.ts';
import { messageOf } from '../../shared/messageOf.ts';
import { fetchRun, followRun } from '../api.ts';

/** A run as the page has it now: on its way, there, or not to be had. */
export type RunInPage =
  | { readonly kind: 'loading' }
  | { readonly kind: 'there'; readonly record: RunRecord }
  | { readonly kind: 'failed'; readonly message: string };

/** Fetches a run and, while it is not finished and a server is there, follows it. */
export function useRun(id: string): RunInPage {
  const [run, setRun] = useState<RunInPage>({ kind: 'loading' });
  useEffect(() => {
    let isGone = false;
    let stop: (() => void) | undefined;
    const change = (with_: (record: RunRecord) => RunRecord) =>
      setRun((now) => (now.kind === 'there' ? { kind: 'there', record: with_(now.record) } : now));
    const load = async () => {
      const record = await fetchRun(id);
      if (!isGone) setRun({ kind: 'there', record });
      return record;
    };
    load().then(
      (first) => {
        if (isGone || first.summary.state === 'finished') return;
        stop = followRun(id, {
          epochs: (from, rows) => change((r) => ({ ...r, epochs: [...r.epochs.slice(0, from), ...rows] })),
          live: (live) => change((r) => ({ ...r, live })),
          state: (state) => {
            change((r) => ({ ...r, summary: { ...r.summary, state } }));
            if (state !== 'finished') return;
            stop?.();
            load().catch(() => undefined);
          },
        });
      },
      (error: unknown) => {
        if (!isGone) setRun({ kind: 'failed', message: messageOf(error) });
      },
    );
    return () => {
      isGone = true;
      stop?.();
    };
  }, [id]);
  return run;
}
