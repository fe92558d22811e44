import { app } from '@cria/vitest'

export default app({ hookTimeout: 180_000 })
