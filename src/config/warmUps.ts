import { flagName } from '../base/fields.ts';
import type { RunLength } from '../optimizers/schedules/schedule.ts';
import type { RunConfig } from './runConfig.ts';

/** What is said of a warm-up that goes on after the last update of a run: what it leads to is never reached. */
export function warmUpNotes({ method, schedule }: RunConfig, { epochs, updatesPerEpoch }: RunLength): string[] {
  const updates = epochs * updatesPerEpoch;
  const growing: [field: string, what: string, warmup: unknown][] = [
    ['warmup', 'the learning rate', schedule.warmup],
    ['issWarmup', 'λ', method.issWarmup],
  ];
  return growing.flatMap(([field, what, warmup]) => {
    if (typeof warmup !== 'number' || warmup <= updates) return [];
    const share = (100 * updates) / warmup;
    const reached = share < 1 ? 'less than 1 %' : `${Math.floor(share)} %`;
    return [
      `${flagName(field)} ${warmup} is longer than the run, which has ${updates} updates: ${what} gets to ${reached} of its value`,
    ];
  });
}
