import { explain, note } from '../../src/cli/output.ts';
import { startServer } from '../../src/serve/server.ts';
import { openFollowers } from './followers.ts';
import { answerParent } from './serveProcess.ts';

/*
 * A process of the benchmark of the server, by its arguments: `server ROOT` or `followers URL COUNT`.
 */

const [role, where = '', count] = process.argv.slice(2);

try {
  if (role === 'server') {
    const { url } = await startServer({ root: where, host: '127.0.0.1', port: 0 });
    answerParent(() => ({ url, received: 0 }));
  } else {
    const followers = await openFollowers(where, Number(count));
    answerParent(() => ({ received: followers.received() }));
  }
} catch (error) {
  const { message, code } = explain(error);
  note(message);
  process.exit(code);
}
