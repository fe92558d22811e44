import { library } from '@cria/vitest'
import { compile } from './compile.mjs'

await compile()

export default library()
