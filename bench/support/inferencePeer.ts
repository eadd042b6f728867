import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../../src/base/packageFile.ts';
import { note } from '../../src/cli/output.ts';

/** A model that the peer runs: its ONNX file for OpenVINO, its sizes for PyTorch. */
export interface PeerModel {
  readonly name: string;
  readonly file: string;
  readonly hidden: readonly number[];
}

/** What one run is. */
export interface Shape {
  readonly batch: number;
  readonly steps: number;
}

/** Python, which runs models in OpenVINO and PyTorch whenever it is asked to. */
export interface InferencePeer {
  /** Compiles all models for a shape; the names of those that run. */
  prepare(shape: Shape): Promise<readonly string[]>;
  /** Runs a model so many times, and says how long each took, behind `leadIn` milliseconds of untimed runs. */
  milliseconds(name: string, times: number, leadIn: number): Promise<readonly number[]>;
  /** Versions of the engines that are there. */
  readonly versions: Readonly<Record<string, string>>;
  close(): void;
}

/** Starts the peer; without that Python or its packages it runs nothing, and a message on stderr says so. */
export function inferencePeer(
  python: string,
  models: readonly PeerModel[],
  {
    threads,
    vocabulary,
    embedding,
  }: { readonly threads: number; readonly vocabulary: number; readonly embedding: number },
): InferencePeer {
  const script = fileURLToPath(packageFile('bench/peers/inference.py'));
  const named = models.flatMap(({ name, file, hidden }) => ['--model', `${name}=${file}=${hidden.join()}`]);
  const sizes = Object.entries({ threads, vocabulary, embedding }).flatMap(([flag, n]) => [`--${flag}`, String(n)]);
  const child = spawn(python, [script, ...named, ...sizes], { stdio: ['pipe', 'pipe', 'inherit'] });
  let isThere = true;
  child.on('error', ({ message }) => {
    isThere = false;
    note(`OpenVINO and PyTorch are left out (${message}); name a Python that has them with --python`);
  });
  // What is said to a peer that has ended goes nowhere.
  child.stdin.on('error', () => undefined);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async <Answer>(request: unknown): Promise<Answer | undefined> => {
    if (!isThere) return undefined;
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done !== true) return JSON.parse(value) as Answer;
    isThere = false;
    return undefined;
  };
  const versions: Record<string, string> = {};
  return {
    versions,
    async prepare({ batch, steps }) {
      const answer = await ask<{ names: string[]; versions: Record<string, string> }>({ prepare: { batch, steps } });
      Object.assign(versions, answer?.versions);
      return answer?.names ?? [];
    },
    async milliseconds(name, times, leadIn) {
      const answer = await ask<{ milliseconds: number[] }>({ run: name, times, leadIn });
      if (answer === undefined) throw new Error(`the peer ended while '${name}' ran`);
      return answer.milliseconds;
    },
    close: () => void child.stdin.end(),
  };
}
