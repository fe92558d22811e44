import { app } from '@cria/vitest'

export default app({ include: ['test/*.test.mjs'] })
