import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CheckpointError, outputBytes } from '@cria/checkpoint'
import { Random } from '@cria/vitest/random'
import { expect, test } from 'vitest'
import { writeGguf, writeHuggingFace, writeLlama2c } from '../../src/checkpoint'
import { watchedSource } from './hostile'
import { openSources, stories } from './stories'
import { tinyConfig, tinyModel } from './tiny'

/** How long all formats together are mutated. */
const seconds = Number(process.env.CRIA_FUZZ_SECONDS ?? 2)
/** A failure prints its seed; giving it here repeats it. */
const seed = Number(process.env.CRIA_FUZZ_SEED ?? Date.now() % 2 ** 32)

type Files = ReadonlyMap<string, Uint8Array>

const fixture = fileURLToPath(new URL('fixtures/meta-2-shards', import.meta.url))
const vocabulary = {
  kind: 'gguf',
  model: 'llama',
  tokens: Array.from({ length: tinyConfig.vocab_size }, (_, i) => `<${i}>`),
  scores: new Float32Array(tinyConfig.vocab_size),
  types: new Int32Array(tinyConfig.vocab_size).fill(1),
  bosId: 1,
  eosId: 2,
  unkId: 0,
  padId: undefined,
  addBos: true,
  addSpacePrefix: true,
  removeExtraWhitespaces: false,
  charsMap: undefined,
  chatTemplate: undefined,
} as const

/** Sound files of every format; the real ones too, where the test data is there. */
const sound = async (): Promise<Record<string, Files>> => {
  const tiny = tinyModel()
  const one = async (file: ReturnType<typeof writeGguf>) => new Map([[file.name, await outputBytes(file)]])
  const formats: Record<string, Files> = {
    'llama2.c v0': await one(writeLlama2c(tinyModel({ ...tinyConfig, norm_eps: 1e-5 }))),
    'GGUF f32': await one(writeGguf(tiny, { vocabulary })),
    'GGUF q4_0': await one(writeGguf(tiny, { dtype: 'q4_0' })),
    'Hugging Face': new Map(
      await Promise.all(
        writeHuggingFace(tiny, { maxShardBytes: 40_000 }).map(
          async file => [file.name, await outputBytes(file)] as const,
        ),
      ),
    ),
    Meta: new Map(readdirSync(fixture).map(name => [name, new Uint8Array(readFileSync(`${fixture}/${name}`))])),
  }
  for (const name of ['stories260K.gguf', 'clebert_checkpoint_v1.bin', 'stories260K-q8.bin']) {
    if (existsSync(stories(name))) formats[name] = new Map([[name, new Uint8Array(readFileSync(stories(name)))]])
  }
  return formats
}

/** Values that offsets, counts and lengths go wrong at. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x22, 0x7d]

/** A copy with a few bytes changed, cut, or doubled; mostly where headers and directories are. */
const mutate = (bytes: Uint8Array, random: () => number): Uint8Array => {
  const position = (length: number) => {
    const reach = random() < 0.8 ? Math.min(length, 3000) : length
    const at = Math.floor(random() * reach)
    return random() < 0.8 ? at : length - 1 - at
  }
  const kind = random()
  if (kind < 0.05) return bytes.subarray(0, position(bytes.length))
  if (kind < 0.1) {
    const at = position(bytes.length)
    const length = Math.floor(random() * 64)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
  }
  const copy = bytes.slice()
  for (let count = 1 + Math.floor(random() * 4); count > 0; count--) {
    const at = position(copy.length)
    const length = random() < 0.3 ? 8 : 1
    const value = random() < 0.5 ? edges[Math.floor(random() * edges.length)] : Math.floor(random() * 256)
    copy.fill(value, at, at + length)
  }
  return copy
}

/** Opens the files and reads every tensor. Damage that no format can detect (changed numbers) is not an error. */
const readWhole = async (files: Files): Promise<void> => {
  const checkpoint = await openSources([...files].map(([name, bytes]) => watchedSource(name, bytes)))
  for (const name of checkpoint.tensors.keys()) await checkpoint.read(name, { dtype: 'f16' })
}

test(
  `mutated files of every format open or fail by a typed error (${seconds} s, seed ${seed})`,
  async () => {
    const formats = await sound()
    const names = Object.keys(formats)
    const numbers = new Random(seed)
    const random = () => numbers.next()
    const end = performance.now() + seconds * 1000
    let refused = 0
    let runs = 0
    for (; performance.now() < end; runs++) {
      const format = names[runs % names.length]
      const files = [...formats[format]]
      const victim = Math.floor(random() * files.length)
      files[victim] = [files[victim][0], mutate(files[victim][1], random)]
      await readWhole(new Map(files)).catch(error => {
        refused++
        if (!(error instanceof CheckpointError))
          expect.fail(`${format}, run ${runs}, seed ${seed}: ${error?.stack ?? error}`)
      })
    }
    expect(refused).toBeGreaterThan(runs / 10)
  },
  seconds * 1000 + 30_000,
)
