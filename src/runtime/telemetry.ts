import { isMainThread } from 'node:worker_threads';
import { SlimError } from '../base/errors.ts';

/*
 * ONNX Runtime's native library writes a device identifier and an event database into the user's cache folder and sends
 * them to a collector, unless this variable is set when the first session begins. It must be set before the package is
 * loaded: import this module first.
 */

const VARIABLE = 'ORT_DISABLE_TELEMETRY';
const OFF = `process.env.${VARIABLE} ??= '1'`;

/** Whether this thread cannot know that the process has the variable: a worker's environment is a copy. */
const isUnsure = !isMainThread && process.env[VARIABLE] === undefined;

process.env[VARIABLE] ??= '1';

let off: Promise<void> | undefined;

/** Waits until telemetry is off, also where the engine runs in a worker thread only. Throws a SlimError if it stays on. */
export function telemetryOff(): Promise<void> {
  off ??= isUnsure ? setInMainThread() : Promise.resolve();
  return off;
}

/** Milliseconds to wait for a main thread that does something else. */
const PATIENCE = 10_000;

/** Sets the variable where that reaches the process: the debugger's door is the only one that a worker has. */
async function setInMainThread(): Promise<void> {
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connectToMainThread();
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the main thread is busy')), PATIENCE);
      session.post('Runtime.evaluate', { expression: OFF }, (error) => {
        clearTimeout(timer);
        if (error === null) resolve();
        else reject(error);
      });
    });
  } catch (error) {
    throw new SlimError(
      `the telemetry of ONNX Runtime cannot be turned off from a worker thread; start the process with ${VARIABLE}=1, ` +
        'or import slimrnn in its main thread first',
      { cause: error },
    );
  } finally {
    session.disconnect();
  }
}
