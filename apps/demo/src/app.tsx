import { useEffect, useRef } from 'preact/hooks'
import { linkTo, type View, view, viewNames, views } from './route'
import { Lazy } from './ui/lazy'
import { Problem } from './ui/problem'
import { ShareButton } from './ui/share'
import { ThemeSwitch } from './ui/theme-switch'
import { Write } from './views/write/write'

const pages: Readonly<Record<View, () => preact.ComponentChild>> = {
  write: () => <Write />,
  look: () => <Lazy key="look" load={() => import('./views/look/look').then(({ Look }) => Look)} />,
  understand: () => (
    <Lazy key="understand" load={() => import('./views/understand/understand').then(({ Understand }) => Understand)} />
  ),
  model: () => <Lazy key="model" load={() => import('./views/model/own-model').then(({ OwnModel }) => OwnModel)} />,
}

export const App = () => {
  const main = useRef<HTMLElement>(null)
  const shown = useRef(view.value)
  const current = view.value
  useEffect(() => {
    // After a link is followed by keyboard, the focus is in the new view.
    if (shown.current !== current) main.current?.focus()
    shown.current = current
  }, [current])
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href={linkTo('write')}>
          <img src="./cria.svg" alt="" width="36" height="36" />
          <span>
            <strong>Cria</strong>
            <small>a LLaMA in your browser tab</small>
          </span>
        </a>
        <nav aria-label="Views">
          {views.map(name => (
            <a key={name} href={linkTo(name)} aria-current={name === current ? 'page' : undefined}>
              {viewNames[name]}
            </a>
          ))}
        </nav>
        <div class="tools">
          <ShareButton />
          <ThemeSwitch />
        </div>
      </header>
      <main ref={main} id="main" tabIndex={-1} aria-label={viewNames[current]}>
        <Problem />
        {pages[current]()}
      </main>
      <footer class="bottom">
        <p>
          Everything runs in this tab: no server, no account, and nothing that you type or open leaves it. Built on the
          npm package <code>cria</code>, LLaMA and LLaMA 2 in TypeScript.
        </p>
      </footer>
    </>
  )
}
