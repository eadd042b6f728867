import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import '../shared/engine.ts';
import { Brand } from '../shared/mark.tsx';
import { Playground } from './playground/playground.tsx';
import { type Route, routeOf, titleOf } from './routes.ts';
import { ComparePage } from './runs/comparePage.tsx';
import { RunPage } from './runs/runPage.tsx';
import { RunsPage } from './runs/runsPage.tsx';

// The page of `slimrnn serve` and of a static site: what stands after # says what it shows.

function App() {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const changed = () => {
      setRoute(routeOf(location.hash));
      scrollTo(0, 0);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  useEffect(() => {
    document.title = titleOf(route);
  }, [route]);
  return (
    <>
      <nav class="top" aria-label="Pages">
        <a class="home" href="#/" aria-label="slimrnn">
          <Brand />
        </a>
        <a href="#/" aria-current={route.page === 'runs' ? 'page' : undefined}>
          Runs
        </a>
        <a href="#/playground" aria-current={route.page === 'playground' ? 'page' : undefined}>
          Playground
        </a>
      </nav>
      <main>
        <Page route={route} />
      </main>
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'runs':
      return <RunsPage />;
    case 'run':
      return <RunPage key={route.id} id={route.id} />;
    case 'compare':
      return <ComparePage key={route.ids.join('\n')} ids={route.ids} />;
    case 'playground':
      return <Playground />;
    case 'unknown':
      return (
        <p>
          There is no such page. <a href="#/">All runs</a>
        </p>
      );
  }
}

render(<App />, document.getElementById('app')!);
