import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { readSentencePiece, writeTokenizerJson } from '@cria/tokenizer'

const peers = fileURLToPath(new URL('./peers', import.meta.url))
const require = createRequire(new URL('./peers/package.json', import.meta.url))

/** Installs the peers in their own folder, at the versions that their package.json says. */
export function installPeers() {
  if (existsSync(`${peers}/node_modules/sentencepiece-js`)) return
  console.log(`Installing the tokenizers to compare with in ${peers}`)
  const options = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts']
  execFileSync('npm', ['install', ...options], { cwd: peers, stdio: 'inherit' })
}

/**
 * Cria, as the others are made to be: text to ids without BOS and back.
 *
 * @param {import('@cria/tokenizer').Tokenizer} tokenizer
 */
export const criaContender = tokenizer => ({
  name: 'Cria',
  takesLongText: true,
  encode: text => tokenizer.encode(text),
  decode: ids => tokenizer.decode(ids),
})

/**
 * The tokenizers, all with LLaMA 2's vocabulary, made to do the same: text to ids without BOS and back.
 *
 * @param {string} modelPath a SentencePiece `.model`
 */
export async function contenders(modelPath) {
  const cria = readSentencePiece(readFileSync(modelPath), { name: modelPath })
  const { default: llama } = await import(pathToFileURL(require.resolve('llama-tokenizer-js')).href)
  const { SentencePieceProcessor } = require('sentencepiece-js')
  const sentencePiece = new SentencePieceProcessor()
  await sentencePiece.load(modelPath)
  const { Tokenizer } = require('@huggingface/tokenizers')
  const json = JSON.parse(new TextDecoder().decode(writeTokenizerJson(cria)))
  const huggingFace = new Tokenizer(json, { clean_up_tokenization_spaces: false })
  return [
    criaContender(cria),
    {
      name: 'llama-tokenizer-js',
      takesLongText: true,
      encode: text => llama.encode(text, false, true),
      decode: ids => llama.decode(ids, false, true),
    },
    {
      name: 'sentencepiece-js',
      takesLongText: true,
      encode: text => sentencePiece.encodeIds(text),
      decode: ids => sentencePiece.decodeIds(ids),
    },
    {
      // A whole text is one word to it, and takes it minutes.
      name: '@huggingface/tokenizers',
      takesLongText: false,
      encode: text => huggingFace.encode(text, { add_special_tokens: false }).ids,
      // It refuses an empty list.
      decode: ids => (ids.length === 0 ? '' : huggingFace.decode(ids, { skip_special_tokens: true })),
    },
  ]
}
