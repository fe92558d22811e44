import { expect, test } from 'vitest'
import { loadTokenizer, TokenizerFormatError, UnsupportedTokenizerError, writeTokenizerJson } from '../src/index'
import { dataBytes, hasData } from './data'
import { llama2c, model } from './wire'

// CRIA_FUZZ_SECONDS=60 for the long run; CRIA_FUZZ_SEED repeats one.
const seconds = Number(process.env.CRIA_FUZZ_SECONDS ?? 2)
const seed = Number(process.env.CRIA_FUZZ_SEED ?? Date.now() % 2 ** 31)

/** Marsaglia's xorshift32: numbers below `limit`. */
function generator(state: number) {
  return (limit: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

const real = ['stories260K/tok512.model', 'stories260K/tok512.bin'].filter(path => hasData(path)).map(dataBytes)
const files = [...real, model(), llama2c(), writeTokenizerJson(loadTokenizer(model()))]

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

test(`changed files give a tokenizer that works, or a typed error (${seconds} s, seed ${seed})`, {
  timeout: (seconds + 60) * 1000,
}, () => {
  const random = generator(seed | 1)
  const outcomes = { tokenizers: 0, errors: 0 }
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const bytes = mutate(files[random(files.length)], random)
    try {
      const tokenizer = loadTokenizer(bytes, { name: 'fuzzed' })
      const text = 'Once upon a  time, 1234 🦙 é\u0000漢字 <s>'
      const ids = tokenizer.encode(text, { bos: true })
      expect(ids.every(id => id < tokenizer.vocabSize)).toBe(true)
      expect(typeof tokenizer.decode(ids)).toBe('string')
      outcomes.tokenizers++
    } catch (error) {
      if (!(error instanceof TokenizerFormatError || error instanceof UnsupportedTokenizerError)) {
        const where = `seed ${seed}, file ${Buffer.from(bytes).toString('base64').slice(0, 4000)}`
        throw new Error(`not a typed error (${where})`, { cause: error })
      }
      outcomes.errors++
    }
  }
  expect(outcomes.errors).toBeGreaterThan(0)
  expect(outcomes.tokenizers).toBeGreaterThan(0)
})
