import { render } from 'preact'
import './styles/base.css'
import './styles/shell.css'
import './styles/controls.css'
import { App } from './app'
import { engine } from './engine'
import { followAddress } from './route'
import { followTheme } from './theme'

// For the curious: the page's engine in the console, as in `await cria.merges('llama')`.
Object.assign(globalThis, { cria: engine })

followTheme()
followAddress()
render(<App />, document.getElementById('app') as HTMLElement)
