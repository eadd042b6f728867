/** What the page shows. */
export type Route =
  | { readonly page: 'runs' }
  | { readonly page: 'run'; readonly id: string }
  | { readonly page: 'compare'; readonly ids: readonly string[] }
  | { readonly page: 'playground' }
  | { readonly page: 'unknown' };

/** Reads what stands after # in the address. */
export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  if (path === '') return { page: 'runs' };
  if (path === 'playground') return { page: 'playground' };
  if (path === 'compare') return { page: 'compare', ids: new URLSearchParams(query).getAll('run') };
  if (path === 'run' || path.startsWith('run/')) {
    const id = decoded(path.slice('run/'.length));
    if (id !== undefined) return { page: 'run', id };
  }
  return { page: 'unknown' };
}

/** What a browser calls the page in its tabs and its history. */
export function titleOf(route: Route): string {
  switch (route.page) {
    case 'run':
      return route.id === '' ? 'Run – slimrnn' : `${route.id} – slimrnn`;
    case 'compare':
      return `${route.ids.length} runs – slimrnn`;
    case 'playground':
      return 'Playground – slimrnn';
    default:
      return 'slimrnn';
  }
}

/** Address of a run's page. */
export function runHref(id: string): string {
  return `#/run/${id.split('/').map(encodeURIComponent).join('/')}`;
}

/** Address of the page that compares runs. */
export function compareHref(ids: readonly string[]): string {
  return `#/compare?${new URLSearchParams(ids.map((id) => ['run', id]))}`;
}

function decoded(path: string): string | undefined {
  try {
    return path.split('/').map(decodeURIComponent).join('/');
  } catch {
    return undefined;
  }
}
