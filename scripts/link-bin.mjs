// Makes `npx slimrnn` work inside a clone: npm links the commands of a package's dependencies into node_modules/.bin, but
// not the package's own, and npx of some npm versions fails to find them (npm 11: ENOENT in its cache).
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';

const bin = new URL('../node_modules/.bin/', import.meta.url);
const link = new URL('slimrnn', bin);
chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755);
mkdirSync(bin, { recursive: true });
rmSync(link, { force: true });
if (process.platform === 'win32')
  writeFileSync(new URL('slimrnn.cmd', bin), '@node "%~dp0\\..\\..\\dist\\cli\\main.js" %*\r\n');
else symlinkSync('../../dist/cli/main.js', link);
