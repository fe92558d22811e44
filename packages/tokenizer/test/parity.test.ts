import { expect, test } from 'vitest'
import {
  loadTokenizer,
  readGgufVocabulary,
  readLlama2c,
  readSentencePiece,
  readTokenizerJson,
  writeGgufVocabulary,
  writeLlama2c,
  writeSentencePiece,
  writeTokenizerJson,
} from '../src/index'
import { dataBytes, dataLines, dataPath, dataText, hasData, llama2 } from './data'
import { ggufVocabulary } from './gguf'
import { transformersMerges } from './reference'

const vectors = 'llama2-tokenizer-vectors/spm_oracle_llama2.jsonl'
const ggml = 'llama.cpp-vocab/ggml-vocab-llama-spm.gguf'
const llama2c = 'llama2-tokenizer/tokenizer.bin'
const golden = 'stories260K/golden.json'

test.skipIf(!hasData(llama2, vectors))("SentencePiece's ids of 372 texts with LLaMA 2's tokenizer", () => {
  const tokenizer = readSentencePiece(dataBytes(llama2))
  const cases = dataLines<{ text: string; ids: number[] }>(vectors)
  expect(cases).toHaveLength(372)
  for (const { text, ids } of cases) {
    expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids)
    expect(tokenizer.decode(ids)).toBe(text.replaceAll('▁', ' '))
  }
})

test.skipIf(!hasData(llama2, `${ggml}.inp`, `${ggml}.out`))("llama.cpp's ids of its test texts", () => {
  const tokenizer = readSentencePiece(dataBytes(llama2))
  const texts = dataText(`${ggml}.inp`).split('\n__ggml_vocab_test__\n')
  const ids = dataText(`${ggml}.out`).split('\n')
  for (const [i, text] of texts.entries()) {
    const expected = ids[i].trim().split(/ +/).filter(Boolean).map(Number)
    expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(expected)
  }
})

test.skipIf(!hasData(llama2, vectors, llama2c))('the same ids by .model and .bin', () => {
  const fromBin = readLlama2c(dataBytes(llama2c))
  for (const { text, ids } of dataLines<{ text: string; ids: number[] }>(vectors))
    expect([...fromBin.encode(text)], JSON.stringify(text)).toEqual(ids)
})

test.skipIf(!hasData(golden))("llama2.c's ids of its prompts", () => {
  const { cases } = JSON.parse(dataText(golden)) as { cases: { prompt: string; prompt_ids: number[] }[] }
  for (const file of ['stories260K/tok512.model', 'stories260K/tok512.bin']) {
    const tokenizer = loadTokenizer(dataBytes(file), { name: dataPath(file) })
    for (const { prompt, prompt_ids } of cases)
      expect([...tokenizer.encode(prompt, { bos: true })], prompt).toEqual(prompt_ids)
  }
})

test.skipIf(!hasData(llama2, llama2c, golden))('files that are read are written byte for byte', () => {
  const same = (written: Uint8Array, file: string) => expect(Buffer.compare(written, dataBytes(file)), file).toBe(0)
  for (const file of [llama2, 'stories260K/tok512.model'])
    same(writeSentencePiece(readSentencePiece(dataBytes(file))), file)
  for (const file of [llama2c, 'stories260K/tok512.bin']) same(writeLlama2c(readLlama2c(dataBytes(file))), file)
  same(writeLlama2c(readSentencePiece(dataBytes(llama2))), llama2c)
})

test.skipIf(!hasData(llama2, vectors))('the same tokenizer by .model, tokenizer.json and GGUF arrays', () => {
  const tokenizer = readSentencePiece(dataBytes(llama2))
  const others = {
    json: readTokenizerJson(writeTokenizerJson(tokenizer)),
    gguf: readGgufVocabulary(writeGgufVocabulary(tokenizer)),
  }
  for (const [form, other] of Object.entries(others)) {
    const { sentencePiece, scores, ...vocabulary } = tokenizer.vocabulary
    expect(other.vocabulary, form).toMatchObject(vocabulary)
    for (const { text, ids } of dataLines<{ text: string; ids: number[] }>(vectors))
      expect([...other.encode(text)], `${form} ${JSON.stringify(text)}`).toEqual(ids)
  }
})

test.skipIf(!hasData(llama2, vectors))('the tokenizer.json files of LLaMA that transformers wrote, old and new', () => {
  const tokenizer = readSentencePiece(dataBytes(llama2))
  const file = JSON.parse(new TextDecoder().decode(writeTokenizerJson(tokenizer)))
  const texts = dataLines<{ text: string }>(vectors).map(({ text }) => text)
  const spaces = Array.from({ length: 100 }, (_, length) => `a${' '.repeat(length)}a`)
  for (const order of ['by piece', 'by parts'] as const) {
    file.model.merges = transformersMerges(tokenizer.vocabulary, order)
    const read = readTokenizerJson(new TextEncoder().encode(JSON.stringify(file)))
    for (const text of [...texts, ...spaces])
      expect(read.encode(text), `${order} ${JSON.stringify(text)}`).toEqual(tokenizer.encode(text))
  }
})

test.skipIf(!hasData(llama2, ggml, 'stories260K/stories260K.gguf'))(
  'the vocabularies of GGUF files are those of the models',
  () => {
    const read = (path: string) => readGgufVocabulary(ggufVocabulary(dataBytes(path)), { name: path })
    const pairs = [
      [read(ggml), readSentencePiece(dataBytes(llama2))],
      [read('stories260K/stories260K.gguf'), loadTokenizer(dataBytes('stories260K/tok512.bin'))],
    ]
    for (const [gguf, model] of pairs) {
      expect(gguf.vocabulary.types).toEqual(model.vocabulary.types)
      expect(gguf.vocabulary.pieces).toEqual(model.vocabulary.pieces)
      for (const { text } of dataLines<{ text: string }>(vectors)) expect(gguf.encode(text)).toEqual(model.encode(text))
    }
  },
)
