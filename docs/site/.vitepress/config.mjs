import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

/*
 * The site is the repository's own pages, at their own places: links hold in both. README.md of a folder is its index.
 */

const root = fileURLToPath(new URL('../../..', import.meta.url));
const titleOf = (page) => /^# (.*)$/m.exec(readFileSync(join(root, page), 'utf8'))[1].replaceAll('`', '');
const entry = (page) => ({ text: titleOf(page), link: `/${page.replace(/(README)?\.md$/, '')}` });
const examples = readdirSync(join(root, 'examples'))
  .map((name) => `examples/${name}/README.md`)
  .filter((page) => existsSync(join(root, page)));

/** The sidebar is docs/index.md: its headings and the links below each, in their order. */
const sidebar = readFileSync(join(root, 'docs', 'index.md'), 'utf8')
  .split(/^\*\*(?=.*\*\*$)/m)
  .slice(1)
  .map((part) => ({
    text: part.slice(0, part.indexOf('**')),
    collapsed: false,
    items: [...part.matchAll(/\]\(([^)#]+\.md)\)/g)].map(([, page]) => entry(join('docs', page).replaceAll('\\', '/'))),
  }));

export default defineConfig({
  title: 'slimrnn',
  description: 'Recurrent networks that find out how small they can be',
  srcDir: root,
  srcExclude: ['**/node_modules/**', 'build/**', 'test/**', 'docs/site/**', 'runs/**', '.github/**'],
  outDir: join(root, 'build', 'docs'),
  cacheDir: join(root, 'build', 'docs-cache'),
  rewrites: (page) => page.replace(/README\.md$/, 'index.md'),
  cleanUrls: false,
  lastUpdated: false,
  markdown: { config: (md) => md.core.ruler.push('places-in-the-repository', linkToSite) },
  vite: { plugins: [vueOfThisFolder()], build: { chunkSizeWarningLimit: 2000 } },
  themeConfig: {
    nav: [
      { text: 'Start here', link: '/docs/start' },
      { text: 'Commands', link: '/docs/commands' },
      { text: 'API', link: '/api/index.html', target: '_self' },
    ],
    sidebar: [...sidebar, { text: 'Examples', collapsed: true, items: examples.map(entry) }],
    search: { provider: 'local' },
    outline: [2, 3],
  },
  ignoreDeadLinks: [/^\/api\//],
});

/** Links as they are in the repository: a README or a folder with one becomes its index page; see build.mjs for files. */
function linkToSite({ tokens, env }) {
  for (const token of tokens.flatMap(({ children }) => children ?? [])) {
    const href = token.type === 'link_open' ? token.attrGet('href') : null;
    if (href === null || /^([a-z]+:|#|\/)/.test(href)) continue;
    const [path, anchor] = href.split('#');
    const place = join(dirname(env.relativePath), path);
    const isFolder = existsSync(join(root, place, 'README.md'));
    const linked = isFolder ? `${path.replace(/\/?$/, '/')}index.md` : path.replace(/README\.md$/, 'index.md');
    token.attrSet('href', anchor === undefined ? linked : `${linked}#${anchor}`);
  }
}

/** Pages lie outside of the folder in which vue is installed. */
function vueOfThisFolder() {
  return {
    name: 'vue-of-this-folder',
    enforce: 'pre',
    resolveId(source) {
      return /^vue($|\/)/.test(source)
        ? this.resolve(source, fileURLToPath(import.meta.url), { skipSelf: true })
        : null;
    },
  };
}
