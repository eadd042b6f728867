import { collectReport, languageModelTask, nodeRuntime, presets, reportHtml, resolveConfig, run, tasks } from 'slimrnn';

const sources = { data: 'path/to/text' };
const config = resolveConfig({ ...presets['iss-small'], epochs: 4 }, { tasks });
const task = await languageModelTask.load(config, sources);
const result = await run({ config, task, runtime: nodeRuntime, directory: 'runs/mine', sources });
console.log(result.models.at(-1)); // { name: 'slim', hidden: [71, 149], scores: { valid: { perplexity: … }, … }, … }
export const html = await reportHtml(await collectReport({ paths: ['runs/mine'], latency: false }));
