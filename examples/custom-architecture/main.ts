// An architecture of your own from end to end: it is trained, saved, loaded as any other model is, and generates.

import { bytesFile } from '@cria/checkpoint'
import { saveFiles } from '@cria/checkpoint/node'
import { createMixture, tokenizeInMemory } from '@cria/data-mixture'
import { initialise } from '@cria/layers'
import { openDevice } from '@cria/tensor'
import { trainTokenizer, writeSentencePiece } from '@cria/tokenizer'
import { Trainer, warmupCosine } from '@cria/training'
import { loadModel } from 'cria'
import { decoder, writeDecoder } from './architecture'
import { Decoder } from './model'

const rhyme = `Mary had a little lamb,
Its fleece was white as snow,
And everywhere that Mary went
The lamb was sure to go.
`

const tokenizer = await trainTokenizer(rhyme.split('\n'), { vocabSize: 290, characterCoverage: 1 })
const { training } = await tokenizeInMemory([rhyme], tokenizer, 'rhyme')
const data = createMixture([{ name: 'rhyme', share: 1, tokens: training }], { rowTokens: 32, seed: 1 })

const config = { dim: 64, heads: 4, layers: 2, context: 128, vocab: tokenizer.vocabSize }
await using device = await openDevice('simd')
using model = new Decoder(device, config)
initialise(model, device, { seed: 1 })
console.log(`${model.parameterCount} parameters`)

const steps = 90
const schedule = warmupCosine({ learningRate: 0.01, warmupSteps: 10, steps })
using trainer = new Trainer(model, { data, schedule, batchTokens: 128, rowTokens: 32 })
for await (const { step, loss } of trainer.steps({ until: steps }))
  if (step % 20 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`)

const files = writeDecoder(config, (await trainer.state()).parameters)
await saveFiles('model', [...files, bytesFile('tokenizer.model', writeSentencePiece(tokenizer))])

await using loaded = await loadModel('./model', { architectures: [decoder] })
const prompt = 'Mary had a'
console.log(prompt + (await loaded.generate(prompt, { maxTokens: 48, temperature: 0 }).text))
