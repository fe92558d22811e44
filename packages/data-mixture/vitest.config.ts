import { library } from '@cria/vitest'

// Property tests take seconds on an idle machine; a busy one must not fail them.
export default library({ testTimeout: 180_000 })
