import { expect, test, vi } from 'vitest'
import { createProgram } from '../src/program'

vi.mock('../src/folders', async original => ({
  ...(await original<typeof import('../src/folders')>()),
  peersFolder: '/no-such-peers',
  dataFolder: '/no-such-data',
}))

const bench = (...args: string[]) => createProgram().parseAsync(args, { from: 'user' })

test.each([
  [['tokenizer'], 'llama-tokenizer-js'],
  [['tokenizer', '--byte-level'], "Hugging Face's"],
  [['inference', '--model', 'synth:15m', '--peer', 'wllama'], 'wllama'],
  [['inference', '--model', 'synth:15m', '--peer', 'transformers.js', '--onnx', '.'], 'transformers.js'],
  [['inference', '--model', 'synth:15m', '--peer', 'web-llm', '--mlc', '.', '--device', 'webgpu'], 'web-llm'],
  [['training', '--peer', 'pytorch', '--peer', 'tfjs'], 'tfjs'],
  [['training', '--peer', 'jax-js'], 'jax-js'],
])('without peers, %j says how to install them', async (args, peer) => {
  await expect(bench(...args)).rejects.toMatchObject({
    name: 'PeerError',
    message: `${peer} is not installed: run \`pnpm bench peers\` first`,
  })
})

test.each([
  ['--train', ['mixture/wikipedia.txt']],
  ['--worst-cases', ['llama2-tokenizer/tokenizer.model', 'tinyshakespeare/input.txt', 'wikitext-2/test.txt']],
])('without texts, tokenizer %s names those that it needs, in one line', async (flag, paths) => {
  await expect(bench('tokenizer', flag)).rejects.toMatchObject({
    name: 'TextError',
    message: `the tokenizer is timed on texts that are not here: ${paths.map(path => `/no-such-data/${path}`).join(', ')}`,
  })
})
