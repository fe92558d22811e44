import { readFileSync } from 'node:fs'
import {
  type GgufEntry,
  generationSettings,
  ggufFields,
  jsonFile,
  type Metadata,
  memorySource,
  type OutputFile,
  openCheckpoint,
  outputBytes,
  selectWeights,
  UnsupportedModelError,
  writeGgufFile,
  writeSafetensors,
} from '@cria/checkpoint'
import { bytesOf } from '@cria/dtypes'
import {
  type Architecture,
  halvesRow,
  hasModelType,
  isDerivedTensor,
  llamaTensors,
  llamaWeights,
  type ResolvedConfig,
  readLlamaConfig,
  resolveConfig,
} from '@cria/llama'
import { llama2 } from '@cria/llama2'
import { loadTokenizer } from '@cria/tokenizer'
import { describe, expect, test } from 'vitest'
import { LoadError, loadModel } from '../src'
import { hasStories, stories } from './stories'

interface MistralConfig extends ResolvedConfig {
  readonly sliding_window: number | undefined
}

const windowOf = (metadata: Metadata): number | undefined => {
  if (metadata.kind === 'gguf') {
    return ggufFields(metadata.entries, metadata.file).number('mistral.attention.sliding_window')
  }
  return metadata.kind === 'huggingface' ? (metadata.config.sliding_window as number | undefined) : undefined
}

/** Mistral 7B: LLaMA's names and settings, and attention that sees the last tokens only. */
const mistral: Architecture<MistralConfig> = {
  name: 'mistral',
  matches: metadata => hasModelType(metadata, 'mistral'),
  async config(checkpoint) {
    const config = await readLlamaConfig(checkpoint, { handled: ['sliding_window'] })
    return { ...config, sliding_window: windowOf(checkpoint.metadata) }
  },
  tensors: llamaTensors,
  isDerived: isDerivedTensor,
  build: (device, config) => llama2(device, config, { window: config.sliding_window }),
}

const config = resolveConfig({
  ...{ dim: 32, n_layers: 2, n_heads: 4, n_kv_heads: 2, vocab_size: 512, hidden_dim: 64, max_seq_len: 64 },
})
const arrays = new Map(
  [...llamaWeights(config)].map(({ path, shape }, t) => {
    const length = shape.reduce((a, b) => a * b)
    return [
      path,
      Float32Array.from({ length }, (_, i) => (shape.length === 1 ? 1 : Math.sin(i * 7.7 + t) / 4)),
    ] as const
  }),
)

const gguf = (window: number): OutputFile[] => {
  const count = (key: string, value: number): GgufEntry => [`mistral.${key}`, { type: 'u32', value }]
  const entries: GgufEntry[] = [
    ['general.architecture', { type: 'string', value: 'mistral' }],
    count('context_length', config.max_seq_len),
    count('embedding_length', config.dim),
    count('block_count', config.n_layers),
    count('feed_forward_length', config.hidden_dim),
    count('attention.head_count', config.n_heads),
    count('attention.head_count_kv', config.n_kv_heads),
    count('attention.sliding_window', window),
    ['mistral.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-6 }],
  ]
  const tensors = [...llamaWeights(config)].map(({ path, gguf: name, shape }) => ({
    ...{ name, shape, dtype: 'f32' as const },
    bytes: async () => bytesOf(arrays.get(path) as Float32Array<ArrayBuffer>).slice(),
  }))
  return [writeGgufFile('model.gguf', entries, tensors)]
}

const folder = (sliding_window: number): OutputFile[] => {
  const json = {
    ...{ model_type: 'mistral', sliding_window, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2 },
    ...{ num_attention_heads: 4, num_key_value_heads: 2, vocab_size: 512, max_position_embeddings: 64 },
    ...{ rms_norm_eps: 1e-6, tie_word_embeddings: false },
  }
  const tensors = [...llamaWeights(config)].map(({ path, huggingFace: name, shape, rotaryHeadDim }) => ({
    ...{ name, shape, dtype: 'f32' as const },
    async bytes() {
      const from = arrays.get(path) as Float32Array<ArrayBuffer>
      if (!rotaryHeadDim) return bytesOf(from).slice()
      const out = new Float32Array(from.length)
      for (let row = 0; row < shape[0]; row++) {
        out.set(from.subarray(row * shape[1], (row + 1) * shape[1]), halvesRow(row, rotaryHeadDim) * shape[1])
      }
      return bytesOf(out)
    },
  }))
  return [jsonFile('config.json', json), writeSafetensors('model.safetensors', tensors)]
}

const checkpointOf = async (files: readonly OutputFile[]) =>
  openCheckpoint(await Promise.all(files.map(async file => memorySource(await outputBytes(file), file.name))))

describe.skipIf(!hasStories)('an architecture of one’s own', () => {
  const tokenizer = () => loadTokenizer(readFileSync(stories('tok512.model')))

  /** Logits of the last of 24 tokens. */
  const logitsOf = async (files: readonly OutputFile[], architectures = [mistral]): Promise<Float32Array> => {
    const checkpoint = await checkpointOf(files)
    await using model = await loadModel(checkpoint, { device: 'cpu', tokenizer: tokenizer(), architectures })
    using logits = model.forward(Array.from({ length: 24 }, (_, i) => (i * 37 + 5) % 512))
    return logits.read()
  }

  test('loads the same model from GGUF and from safetensors, with its own setting', async () => {
    const fromGguf = await logitsOf(gguf(4))
    const fromFolder = await logitsOf(folder(4))
    expect([...fromFolder]).toEqual([...fromGguf])
    // Another window gives other logits.
    const far = await logitsOf(gguf(64))
    const largest = Math.max(...far.map(Math.abs))
    expect(Math.max(...far.map((x, i) => Math.abs(x - fromGguf[i])))).toBeGreaterThan(1e-3 * largest)
  })

  test('is asked before those that are known', async () => {
    const asked: string[] = []
    const mine = { ...mistral, matches: (metadata: Metadata) => asked.push(metadata.kind) > 0 }
    await logitsOf(folder(4), [mine])
    expect(asked).toEqual(['huggingface'])
  })

  test('that is not given is an error that names what the file says, and what is known', async () => {
    const checkpoint = await checkpointOf(folder(4))
    const loading = loadModel(checkpoint, { device: 'cpu', tokenizer: tokenizer() })
    await expect(loading).rejects.toThrow(
      /config.json: model_type: is "mistral", expected "llama"; give an architecture/,
    )
    await expect(loading).rejects.toBeInstanceOf(UnsupportedModelError)
  })

  test('that is none is a LoadError', async () => {
    const checkpoint = await checkpointOf(folder(4))
    const loading = loadModel(checkpoint, { architectures: [{ name: 'x' }] as never })
    await expect(loading).rejects.toThrow(/architectures is object, expected an array of architectures/)
    await expect(loading).rejects.toBeInstanceOf(LoadError)
  })
})

test('a window in a GGUF file is refused unless the architecture handles it', async () => {
  const checkpoint = await checkpointOf(gguf(4))
  await expect(readLlamaConfig(checkpoint)).rejects.toThrow(
    /mistral.attention.sliding_window: is 4; this setting is not part of LLaMA/,
  )
  expect((await mistral.config(checkpoint)).sliding_window).toBe(4)
  expect(generationSettings(checkpoint).eosIds).toEqual([])
  expect(selectWeights(checkpoint, llamaTensors(config, checkpoint)).tensors.size).toBe(21)
})
