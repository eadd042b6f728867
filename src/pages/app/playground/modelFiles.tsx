import { useRef } from 'preact/hooks';
import type { GivenModel } from './protocol.ts';

interface ModelFilesProps {
  readonly onChosen: (models: readonly GivenModel[]) => void;
  readonly onProblem: (message: string) => void;
  readonly isDisabled: boolean;
}

/** Takes models from the person's own disk: one or two ONNX files and their vocabulary. */
export function ModelFiles({ onChosen, onProblem, isDisabled }: ModelFilesProps) {
  const models = useRef<HTMLInputElement>(null);
  const words = useRef<HTMLInputElement>(null);
  const load = async () => {
    const files = [...(models.current?.files ?? [])].slice(0, 2);
    const list = words.current?.files?.[0];
    if (files.length === 0 || list === undefined) {
      onProblem('Choose one or two model files and the vocabulary.txt that they were trained with.');
      return;
    }
    const vocabulary = await list.text();
    onChosen(
      await Promise.all(
        files.map(async (file) => ({ label: file.name, model: new Uint8Array(await file.arrayBuffer()), vocabulary })),
      ),
    );
  };
  return (
    <details class="part">
      <summary>Take models from files</summary>
      <div class="fields">
        <label>
          One or two models (.onnx)
          <input ref={models} type="file" accept=".onnx" multiple />
        </label>
        <label>
          Their vocabulary.txt
          <input ref={words} type="file" accept=".txt" />
        </label>
        <button type="button" onClick={load} disabled={isDisabled}>
          Load these files
        </button>
      </div>
    </details>
  );
}
