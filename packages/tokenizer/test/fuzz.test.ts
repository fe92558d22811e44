import { readFileSync } from 'node:fs'
import { Random } from '@cria/vitest/random'
import { expect, test } from 'vitest'
import {
  type GgufVocabulary,
  loadTokenizer,
  readGgufVocabulary,
  readTokenizerJson,
  TokenizerFormatError,
  UnsupportedTokenizerError,
  writeGgufVocabulary,
  writeTokenizerJson,
} from '../src/index'
import { dataBytes, hasData } from './data'
import { llama2c, model } from './wire'

// CRIA_FUZZ_SECONDS=60 for the long run; CRIA_FUZZ_SEED repeats one.
const seconds = Number(process.env.CRIA_FUZZ_SECONDS ?? 2)
const seed = Number(process.env.CRIA_FUZZ_SEED ?? Date.now() % 2 ** 31)

/** Random whole numbers below `limit`. */
function generator(seed: number) {
  const random = new Random(seed)
  return (limit: number) => random.integer(0, limit - 1)
}

const real = ['stories260K/tok512.model', 'stories260K/tok512.bin'].filter(path => hasData(path)).map(dataBytes)
const json = writeTokenizerJson(loadTokenizer(model()))
const small = JSON.parse(readFileSync(new URL('./small-json.fixture.json', import.meta.url), 'utf8')) as {
  cases: { name: string; file: object }[]
}
const smallFiles = small.cases.map(({ file }) => new TextEncoder().encode(JSON.stringify(file)))
const files = [...real, model(), llama2c(), json, ...smallFiles]

/** A file next to the tokenizer; its JSON is mutated too. */
const beside = new TextEncoder().encode(
  JSON.stringify({
    bos_token: '<s>',
    eos_token: { content: '<|im_end|>', lstrip: false },
    add_bos_token: true,
    added_tokens_decoder: { 700: { content: '<|im_end|>', special: true }, 705: { content: 'ab', normalized: true } },
  }),
)

/** The arrays of a GGUF file, as JSON that is changed like a file. */
const gguf = smallFiles.flatMap(file => {
  try {
    const { types, scores, charsMap, ...vocabulary } = writeGgufVocabulary(readTokenizerJson(file))
    const arrays = { ...vocabulary, types: types && [...types], scores: scores && [...scores] }
    return [new TextEncoder().encode(JSON.stringify(arrays))]
  } catch {
    // One that GGUF cannot say.
    return []
  }
})

/** @cria/checkpoint hands out values of these types and no others, of whatever lengths and contents. */
function changedArrays(random: (limit: number) => number): GgufVocabulary {
  let changed: Record<string, unknown>
  try {
    changed = JSON.parse(new TextDecoder().decode(mutateJson(gguf[random(gguf.length)], random)))
  } catch {
    return changedArrays(random)
  }
  const list = (value: unknown) => (Array.isArray(value) ? value : [])
  const text = (value: unknown) => (typeof value === 'string' ? value : typeof value)
  const id = (value: unknown) => (typeof value === 'number' ? value : undefined)
  return {
    kind: 'gguf',
    model: text(changed.model),
    tokens: list(changed.tokens).map(text),
    merges: changed.merges ? list(changed.merges).map(text) : undefined,
    pre: changed.pre ? text(changed.pre) : undefined,
    types: changed.types ? Int32Array.from(list(changed.types), value => id(value) ?? 0) : undefined,
    scores: changed.scores ? Float32Array.from(list(changed.scores), value => id(value) ?? 0) : undefined,
    bosId: id(changed.bosId),
    eosId: id(changed.eosId),
    eotId: id(changed.eotId),
    eomId: id(changed.eomId),
    unkId: id(changed.unkId),
    padId: id(changed.padId),
    addBos: changed.addBos === true,
    addSpacePrefix: changed.addSpacePrefix === true,
    chatTemplate: undefined,
  }
}

/** A tokenizer of a changed file, with or without a changed file beside it, or of changed arrays of GGUF. */
function open(random: (limit: number) => number) {
  const kind = random(8)
  if (kind === 0) return readGgufVocabulary(changedArrays(random), { name: 'fuzzed' })
  const file = files[random(files.length)]
  if (kind === 1) return loadTokenizer(file, { name: 'fuzzed', config: mutateJson(beside, random) })
  const bytes = file[0] === 0x7b && random(2) === 0 ? mutateJson(file, random) : mutate(file, random)
  return loadTokenizer(bytes, { name: 'fuzzed' })
}

function mutate(file: Uint8Array, random: (limit: number) => number): Uint8Array {
  const bytes = Array.from(file)
  for (let changes = 1 + random(6); changes > 0; changes--) {
    const at = random(bytes.length + 1)
    const kind = random(7)
    if (kind === 0) bytes[at] = random(256)
    else if (kind === 1) bytes[at] ^= 1 << random(8)
    else if (kind === 2) bytes.length = at
    else if (kind === 3) bytes.splice(at, random(20))
    else if (kind === 4) bytes.splice(at, 0, ...bytes.slice(at, at + random(300)))
    else if (kind === 5) bytes.splice(at, 4, ...[0xff, 0xff, 0xff, [0x0f, 0x7f, 0xff][random(3)]])
    else bytes.splice(at, 0, random(256))
  }
  return Uint8Array.from(bytes)
}

/** JSON texts that a file may hold anywhere. */
const odd = [
  'null',
  'true',
  '-1',
  '1e999',
  '4294967296',
  '0.5',
  '"a b"',
  '"\\ud800"',
  '""',
  '[]',
  '{}',
  '{"__proto__":{"a":1},"toString":1}',
  '[["a","b"]]',
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
]

/** The text of JSON with some of its values, or keys with them, put in the place of others or replaced by odd ones. */
function mutateJson(file: Uint8Array, random: (limit: number) => number): Uint8Array {
  const tokens = new TextDecoder().decode(file).split(/("(?:[^"\\]|\\.)*"|\d+|null|true|false)/)
  for (let changes = 1 + random(3); changes > 0; changes--) {
    // Values have the odd places; half of the changes are near the end or the start, beside the vocabulary.
    const span = random(2) === 0 ? tokens.length >> 1 : Math.min(120, tokens.length >> 1)
    const at = 2 * (random(2) === 0 ? random(span) : (tokens.length >> 1) - 1 - random(span)) + 1
    tokens[at] = random(3) === 0 ? tokens[2 * random(tokens.length >> 1) + 1] : odd[random(odd.length)]
  }
  return new TextEncoder().encode(tokens.join(''))
}

test(`changed files give a tokenizer that works, or a typed error (${seconds} s, seed ${seed})`, {
  timeout: (seconds + 60) * 1000,
}, () => {
  let run = seed
  const outcomes = { tokenizers: 0, errors: 0 }
  for (const end = performance.now() + seconds * 1000; performance.now() < end; run++) {
    try {
      const tokenizer = open(generator(run))
      const text = 'Once upon a  time, 1234 🦙 é\u0000漢字 <s> <|im_end|>'
      for (const special of [false, true]) {
        const ids = tokenizer.encode(text, { bos: tokenizer.addsBos, special })
        expect(ids.every(id => id < tokenizer.vocabSize)).toBe(true)
        expect(typeof tokenizer.decode(ids, { special })).toBe('string')
      }
      expect(tokenizer.explain('a the 1').length).toBeGreaterThan(0)
      outcomes.tokenizers++
    } catch (error) {
      if (!(error instanceof TokenizerFormatError || error instanceof UnsupportedTokenizerError)) {
        throw new Error(`not a typed error (CRIA_FUZZ_SEED=${run})`, { cause: error })
      }
      outcomes.errors++
    }
  }
  expect(outcomes.errors).toBeGreaterThan(0)
  expect(outcomes.tokenizers).toBeGreaterThan(0)
})
