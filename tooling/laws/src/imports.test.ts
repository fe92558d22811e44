import { expect, test } from 'vitest'
import { importViolations } from './imports'
import type { Workspace } from './workspace'

const workspace: Omit<Workspace, 'sources'> = {
  rooms: { llama: ['tensor'], tensor: [], tokenizer: [] },
  manifests: {
    '': { name: 'root', devDependencies: { vitest: '1' } },
    'packages/llama': { name: '@cria/llama', dependencies: { '@cria/tensor': '*', 'gpu.js': '1' } },
    'packages/tensor': {
      name: '@cria/tensor',
      dependencies: { 'gpu.js': '1', '@cria/llama': '*' },
      devDependencies: { 'fast-check': '1' },
    },
    'packages/tokenizer': { name: '@cria/tokenizer', dependencies: { '@cria/tensor': '*' } },
    'apps/bench': { name: '@cria/bench' },
    'apps/cli': { name: '@cria/cli', dependencies: { '@cria/llama': '*', '@cria/bench': '*' } },
  },
}

const check = (path: string, text: string) => importViolations({ ...workspace, sources: [{ path, text }] })

test.each([
  ['packages/llama/src/model.ts', "import { add } from '@cria/tensor'\nimport './config'"],
  ['packages/llama/src/sub/model.ts', "export { config } from '../config'"],
  ['packages/tensor/src/device.ts', "const { GPU } = await import('gpu.js')\nimport 'node:fs'"],
  ['packages/tensor/src/device.test.ts', "import 'vitest'\nimport 'fast-check'"],
  ['packages/tensor/test/device.ts', "import 'fast-check'"],
  ['packages/tensor/src/files.ts', "import '#platform'"],
  ['apps/cli/src/main.ts', "import '@cria/llama'"],
])('%s keeps the laws', (path, text) => {
  expect(check(path, text)).toEqual([])
})

test.each([
  ['an arrow that runs up', 'packages/tensor/src/a.ts', "import '@cria/llama'", 'is beside or below llama'],
  ['a tensor in the tokenizer', 'packages/tokenizer/src/a.ts', "import '@cria/tensor'", 'is beside or below tensor'],
  ['a type', 'packages/tensor/src/a.ts', "import type { A } from '@cria/llama'", 'is beside or below llama'],
  ['a type in place', 'packages/tensor/src/a.ts', "let a: import('@cria/llama').A", 'is beside or below llama'],
  ['a dynamic import', 'packages/tensor/src/a.ts', "await import('@cria/llama')", 'is beside or below llama'],
  ['a re-export', 'packages/tensor/src/a.ts', "export * from '@cria/llama'", 'is beside or below llama'],
  ['gpu.js outside of tensor', 'packages/llama/src/a.ts', "import 'gpu.js'", 'only packages/tensor may'],
  ['gl by require', 'packages/llama/src/a.ts', "require('gl')", 'only packages/tensor may'],
  ['gpu.js in a test', 'packages/llama/src/a.test.ts', "import 'gpu.js'", 'only packages/tensor may'],
  ['what is not declared', 'packages/llama/src/a.ts', "import 'zod/v4'", 'package.json does not declare zod'],
  ['a tool of tests', 'packages/tensor/src/a.ts', "import 'fast-check'", 'package.json does not declare fast-check'],
  [
    'a path into a neighbour',
    'packages/llama/src/a.ts',
    "import '../../tensor/src/op'",
    'a path stays within packages/llama',
  ],
  ['a path from an app', 'apps/cli/src/a.ts', "import '../../../packages/llama/src'", 'a path stays within apps/cli'],
  ['an app in an app', 'apps/cli/src/a.ts', "import '@cria/bench'", 'an app imports packages, not apps'],
])('%s is caught', (_, path, text, law) => {
  expect(check(path, text)).toEqual([expect.stringContaining(law)])
})
