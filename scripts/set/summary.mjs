// From finished runs to the figures of results/set.

/** What a run achieved, as results/set/<data>.json holds it. */
export function figuresOf({ config, models, history, data, environment }, peakBytes, emptyBytes) {
  const model = models.at(-1);
  const { test, valid } = model.scores;
  return {
    seed: config.seed,
    hidden: model.hidden,
    parameters: model.parameters,
    split: model.split,
    bytes: model.bytes,
    test,
    valid,
    validByEpoch: history.map((epoch) => epoch.valid.accuracy),
    // The fastest one: others may have shared the machine.
    secondsPerEpoch: Math.min(...history.map(({ seconds }) => seconds)),
    peakBytes,
    peakAboveEmptyBytes: peakBytes - emptyBytes,
    facts: data.facts,
    command: environment.command,
  };
}

/** Mean and deviation (of a sample) of some numbers. */
export function spread(values) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0, runs: values.length };
}

/** Summary of the runs of one model on one data set. */
export function summaryOf(runs) {
  const of = (pick) => spread(runs.map(pick));
  return {
    accuracy: of((run) => run.test.accuracy),
    macroF1: of((run) => run.test['macro-F1']),
    parameters: of((run) => run.parameters).mean,
    peakAboveEmptyBytes: of((run) => run.peakAboveEmptyBytes).mean,
    secondsPerEpoch: Math.min(...runs.map((run) => run.secondsPerEpoch)),
  };
}

/** The Markdown table of all data sets. */
export function tableOf(documents, labels) {
  const percent = ({ mean, deviation }) => `${(100 * mean).toFixed(1)} ± ${(100 * deviation).toFixed(1)}`;
  const head = [
    'data',
    'model',
    'accuracy %',
    'macro-F1 %',
    'parameters',
    'of dense',
    'peak memory',
    'fastest epoch',
    'runs',
  ];
  const rows = documents.flatMap(({ name, models }) =>
    Object.entries(models).map(([model, { summary }]) => [
      name,
      labels[model],
      percent(summary.accuracy),
      percent(summary.macroF1),
      Math.round(summary.parameters).toLocaleString('en').replaceAll(',', ' '),
      models.dense ? `${((100 * summary.parameters) / models.dense.summary.parameters).toFixed(1)} %` : '',
      `${Math.round(summary.peakAboveEmptyBytes / 1e6)} MB`,
      `${summary.secondsPerEpoch.toFixed(1)} s`,
      summary.accuracy.runs,
    ]),
  );
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
}
