import { readFile } from 'node:fs/promises'
import { readSentencePiece, type Tokenizer, writeTokenizerJson } from '@cria/tokenizer'
import { importPeer, tokenizers, versionOf } from '../peers'
import { named } from './named'
import { dataPath, model } from './texts'

export type Ids = readonly number[] | Uint32Array

/** A tokenizer in this process, made to do what all do: text to ids without BOS, and back. */
export interface TokenizerContender {
  readonly name: string
  readonly description: string
  /** Whether it comes to an end with 300,000 characters in seconds. */
  readonly takesLongText: boolean
  encode(text: string): Ids
  decode(ids: Ids): string
}

/** LLaMA 2's. */
export const openTokenizer = async (): Promise<Tokenizer> => {
  const name = dataPath(model)
  return readSentencePiece(await readFile(name), { name })
}

export const cria = { name: 'Cria', description: '@cria/tokenizer, as built' }

export const criaContender = (tokenizer: Tokenizer): TokenizerContender => ({
  ...cria,
  takesLongText: true,
  encode: text => tokenizer.encode(text),
  decode: ids => tokenizer.decode(ids),
})

/** The part of llama-tokenizer-js that is used. */
interface LlamaTokenizerJs {
  readonly default: {
    encode(text: string, bos: boolean, dummyPrefix: boolean): Ids
    decode(ids: Ids, bos: boolean, dummyPrefix: boolean): string
  }
}

const llamaTokenizerJs = async (): Promise<TokenizerContender> => {
  const name = 'llama-tokenizer-js'
  const { default: llama } = await importPeer<LlamaTokenizerJs>(tokenizers[name], 'llama-tokenizer.js')
  return {
    name,
    description: await versionOf(tokenizers[name]),
    takesLongText: true,
    encode: text => llama.encode(text, false, true),
    decode: ids => llama.decode(ids, false, true),
  }
}

/** The part of sentencepiece-js that is used. */
interface SentencePieceJs {
  readonly SentencePieceProcessor: new () => {
    load(path: string): Promise<void>
    encodeIds(text: string): Ids
    decodeIds(ids: Ids): string
  }
}

const sentencePieceJs = async (): Promise<TokenizerContender> => {
  const name = 'sentencepiece-js'
  const { SentencePieceProcessor } = await importPeer<SentencePieceJs>(tokenizers[name], 'dist/index.js')
  const processor = new SentencePieceProcessor()
  await processor.load(dataPath(model))
  return {
    name,
    description: `${await versionOf(tokenizers[name])}, SentencePiece as WebAssembly`,
    takesLongText: true,
    encode: text => processor.encodeIds(text),
    decode: ids => processor.decodeIds(ids),
  }
}

/** The part of @huggingface/tokenizers that is used. */
interface HuggingFaceTokenizers {
  readonly Tokenizer: new (
    json: unknown,
    config: { readonly clean_up_tokenization_spaces: boolean },
  ) => {
    encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: Ids }
    decode(ids: Ids, options: { readonly skip_special_tokens: boolean }): string
  }
}

/** @param json a parsed tokenizer.json */
export const huggingFace = async (json: unknown): Promise<TokenizerContender> => {
  const name = "Hugging Face's"
  const { Tokenizer } = await importPeer<HuggingFaceTokenizers>(tokenizers[name], 'dist/tokenizers.mjs')
  const theirs = new Tokenizer(json, { clean_up_tokenization_spaces: false })
  return {
    name,
    description: `${tokenizers[name]} ${await versionOf(tokenizers[name])}, of a tokenizer.json that Cria writes`,
    // A whole text is one word to it, and takes it minutes.
    takesLongText: false,
    encode: text => theirs.encode(text, { add_special_tokens: false }).ids,
    // It refuses an empty list.
    decode: ids => (ids.length === 0 ? '' : theirs.decode(ids, { skip_special_tokens: true })),
  }
}

/**
 * The peers, all with LLaMA 2's vocabulary.
 * @throws ContenderError for one that does not load
 */
export const peerContenders = async (tokenizer: Tokenizer): Promise<TokenizerContender[]> => [
  await named('llama-tokenizer-js', llamaTokenizerJs),
  await named('sentencepiece-js', sentencePieceJs),
  await named("Hugging Face's", () => huggingFace(JSON.parse(new TextDecoder().decode(writeTokenizerJson(tokenizer))))),
]
