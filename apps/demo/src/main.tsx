import { render } from 'preact'
import './styles/base.css'
import './styles/shell.css'
import './styles/controls.css'
import { App } from './app'
import { followAddress } from './route'
import { followTheme } from './theme'

followTheme()
followAddress()
render(<App />, document.getElementById('app') as HTMLElement)
