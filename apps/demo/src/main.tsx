import { effect, untracked } from '@preact/signals'
import { render } from 'preact'
import './styles/base.css'
import './styles/shell.css'
import './styles/controls.css'
import { openEmbedded } from './actions'
import { App } from './app'
import { engine } from './engine'
import { followAddress, view } from './route'
import { followTheme } from './theme'

// For the curious: the page's engine in the console, as in `await cria.merges('llama')`.
Object.assign(globalThis, { cria: engine })

followTheme()
followAddress()
// Before anything is drawn, since this takes longest. Understand needs no model, and a user with their own model does not need the built-in one.
effect(() => {
  if (view.value === 'write' || view.value === 'look') untracked(() => void openEmbedded())
})
render(<App />, document.getElementById('app') as HTMLElement)
