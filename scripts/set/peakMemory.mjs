// A preload (`node --import`): when the process ends, the most memory that it ever held, in bytes, is added to the file
// that SLIMRNN_PEAK names, a number a line. A run that is resumed leaves a line for each process.
import { appendFileSync } from 'node:fs';

process.on('exit', () => {
  if (process.env.SLIMRNN_PEAK) appendFileSync(process.env.SLIMRNN_PEAK, `${process.resourceUsage().maxRSS * 1024}\n`);
});
