import { Session } from 'node:inspector/promises'
import { fileURLToPath } from 'node:url'
import { openPath } from '@cria/checkpoint/node'
import type { Architecture } from '@cria/llama'
import { expect, test } from 'vitest'
import { loadModel, readTokenizer } from '../src/index'
import '../src/load'

const path = fileURLToPath(new URL('../../model-stories/weights/stories.gguf', import.meta.url))

/** Architectures are asked when the checkpoint is open. */
const asked: Architecture = {
  name: 'asked',
  matches: () => {
    throw new Error('the checkpoint is open')
  },
  config: () => undefined,
  tensors: () => [],
  build: () => {
    throw new Error('never built')
  },
}

/** Source files of which at least one function was called, by V8's coverage counts. */
const filesCalled = async (run: () => Promise<void>): Promise<string[]> => {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    await session.post('Profiler.takePreciseCoverage') // resets the counts
    await run()
    const { result } = await session.post('Profiler.takePreciseCoverage')
    return result
      .filter(({ functions }) => functions.some(({ functionName, ranges }) => functionName && ranges[0].count > 0))
      .map(({ url }) => url.replace(/^.*\/packages\//, ''))
      .filter(url => /^(cria|checkpoint|dtypes)\/src\//.test(url))
  } finally {
    session.disconnect()
  }
}

test('a GGUF file is opened through ten source files', async () => {
  const checkpoint = await openPath(path)
  if (!checkpoint.vocabulary) throw new Error('the model has a tokenizer')
  const tokenizer = await readTokenizer(checkpoint.vocabulary, path)
  await checkpoint.close()
  const files = await filesCalled(() =>
    expect(loadModel(path, { tokenizer, architectures: [asked] })).rejects.toThrow('the checkpoint is open'),
  )
  expect(files).toContain('checkpoint/src/formats/gguf-reader.ts')
  expect(files.length, files.join('\n')).toBeLessThanOrEqual(10)
})
