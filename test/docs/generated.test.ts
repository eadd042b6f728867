import { expect, it } from 'vitest';
import { commandsPage } from '../support/commandsPage.ts';
import { settingsType } from '../support/settingsType.ts';

/*
 * What is made of definitions is as the definitions are: `npm run generate` writes it anew.
 */

it('docs/commands.md has the commands as they are', async () => {
  await expect(await commandsPage()).toMatchFileSnapshot('../../docs/commands.md');
});

it('src/config/runSettings.generated.ts has the fields of configurations as they are', async () => {
  await expect(settingsType()).toMatchFileSnapshot('../../src/config/runSettings.generated.ts');
});
