// From a text file to a model: a tokenizer, tokens, training, a folder that other programs read, and a text from it.
// npm start, or: npm start my.txt 2000 (another text, and more steps)

import { readFile } from 'node:fs/promises'
import { bytesFile } from '@cria/checkpoint'
import { saveFiles } from '@cria/checkpoint/node'
import { createMixture, tokenizeInMemory } from '@cria/data-mixture'
import { memoryLlama, writeHuggingFace } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { trainTokenizer, writeSentencePiece } from '@cria/tokenizer'
import { initialiseWeights, Trainer, warmupCosine } from '@cria/training'
import { loadModel } from 'cria'

const [file = 'jack.txt', steps = '120'] = process.argv.slice(2)
const text = await readFile(file, 'utf8')

// Tokens. Each epoch cuts them into rows of 64 at a different place.
const tokenizer = await trainTokenizer(text.split('\n'), { vocabSize: 300, characterCoverage: 1 })
const { training } = await tokenizeInMemory([text], tokenizer, file)
const data = createMixture([{ name: file, share: 1, tokens: training }], { rowTokens: 64, seed: 1 })

// A small LLaMA 2.
const config = { dim: 64, n_layers: 2, n_heads: 4, n_kv_heads: 2, vocab_size: tokenizer.vocabSize, max_seq_len: 64 }
await using device = await openDevice('simd')
using network = llama2(device, config)
initialiseWeights(network, 1)

// Training.
const schedule = warmupCosine({ learningRate: 0.01, warmupSteps: 10, steps: Number(steps) })
using trainer = new Trainer(network, { data, schedule, batchTokens: 256 })
for await (const { step, loss } of trainer.steps({ until: Number(steps) }))
  if (step % 20 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`)

// A Hugging Face folder.
const model = memoryLlama(config, (await trainer.state()).parameters)
await saveFiles('model', [...writeHuggingFace(model), bytesFile('tokenizer.model', writeSentencePiece(tokenizer))])

// What it has learnt, from the folder.
await using loaded = await loadModel('./model')
const prompt = 'This is the rat,'
console.log(prompt + (await loaded.generate(prompt, { maxTokens: 40, temperature: 0 }).text))
