import { app } from '@cria/vitest'

export default app()
