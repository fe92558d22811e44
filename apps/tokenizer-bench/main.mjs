// Times encoding, decoding and training: `node main.mjs`. With `--worst-cases` or `--train` it times those alone, and
// installs no other tokenizer. Needs the built package (`pnpm build`) and the texts of ../shared/data.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readSentencePiece, trainTokenizer } from '@cria/tokenizer'
import { contenders, criaContender, installPeers } from './contenders.mjs'
import { hasNative, timeNativeEncode, timeNativeTraining } from './native.mjs'
import { missing, model, readText, timed, trained, warmUp } from './texts.mjs'

const { values: flags } = parseArgs({ options: { train: { type: 'boolean' }, 'worst-cases': { type: 'boolean' } } })
const bytesOf = text => Buffer.byteLength(text)
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1]

const absent = missing()
if (absent.length > 0) {
  console.error(`The benchmark needs these texts, and they are not there:\n  ${absent.join('\n  ')}`)
  process.exit(1)
}

/** Milliseconds and results of a call for each item. */
function time(call, items) {
  const results = []
  const start = performance.now()
  for (const item of items) results.push(call(item))
  return { milliseconds: performance.now() - start, results }
}

/** A row a contender: megabytes a second, and how many times faster Cria is. */
function print(title, speeds) {
  console.log(`\n${title}`)
  const [[, cria]] = speeds
  const fastest = Math.max(...speeds.slice(1).map(([, speed]) => speed))
  for (const [name, speed, note = ''] of speeds)
    console.log(
      `  ${name.padEnd(24)} ${speed.toFixed(2).padStart(8)} MB/s   Cria ${(cria / speed).toFixed(1)} times ${note}`,
    )
  console.log(`  Cria is ${(cria / fastest).toFixed(1)} times the fastest other`)
}

/**
 * Line by line, each text cut in as many parts as there are rounds: the contenders take turns with a part, and no part
 * comes twice, so that no cache has seen it.
 */
function timeLines(all, path, rounds = 5) {
  const lines = readText(path).slice(0, 400_000).split('\n')
  const size = Math.ceil(lines.length / rounds)
  const encode = all.map(() => [])
  const decode = all.map(() => [])
  const agree = all.map(() => 0)
  for (let round = 0; round < rounds; round++) {
    const part = lines.slice(round * size, (round + 1) * size)
    const megabytes = bytesOf(part.join('\n')) / 1e6
    let reference
    for (const [i, { encode: toIds, decode: toText }] of all.entries()) {
      const encoded = time(toIds, part)
      const decoded = time(toText, encoded.results)
      encode[i].push((megabytes / encoded.milliseconds) * 1e3)
      decode[i].push((megabytes / decoded.milliseconds) * 1e3)
      reference ??= encoded.results
      agree[i] += encoded.results.filter((ids, line) => ids.length === reference[line].length).length
    }
  }
  const note = i => `(${((100 * agree[i]) / lines.length).toFixed(1)}% of lines of the same length)`
  const rows = all.map(({ name }, i) => [name, median(encode[i]), note(i)])
  if (hasNative) {
    const text = lines.join('\n')
    rows.push(['spm_encode (native)', (bytesOf(text) / timeNativeEncode(text)) * 1e-3])
  }
  print(`Encoding ${path}, line by line`, rows)
  print(
    `Decoding ${path}, line by line`,
    all.map(({ name }, i) => [name, median(decode[i])]),
  )
}

/** 300 kB in one call, for those that come to an end with it in seconds. */
function timeWhole(all, path) {
  const text = readText(path).slice(-300_000)
  const rows = all
    .filter(({ takesLongText }) => takesLongText)
    .map(({ name, encode }) => {
      const { milliseconds } = time(encode, [text])
      return [name, (bytesOf(text) / milliseconds) * 1e-3]
    })
  print(`Encoding 300,000 characters of ${path} in one call`, rows)
}

function timeWorstCases({ encode }) {
  const prose = readText('tinyshakespeare/input.txt').slice(0, 1_000_000)
  const cases = {
    prose: prose,
    'prose without a space': readText('wikitext-2/test.txt').replaceAll(/\s/g, '').repeat(2).slice(0, 1_000_000),
    'one letter': 'a'.repeat(1_000_000),
    'Chinese characters': String.fromCharCode(
      ...Array.from({ length: 10_000 }, (_, i) => 0x4e00 + ((i * 7919) % 20_000)),
    ).repeat(100),
  }
  console.log('\nA million characters in one call (Cria)')
  let base
  for (const [name, text] of Object.entries(cases)) {
    time(encode, [text])
    const milliseconds = median([0, 1, 2].map(() => time(encode, [text]).milliseconds))
    base ??= milliseconds
    console.log(
      `  ${name.padEnd(24)} ${milliseconds.toFixed(0).padStart(8)} ms     ${(milliseconds / base).toFixed(2)} times prose`,
    )
  }
}

async function timeTraining() {
  const text = readText(trained).slice(0, 10_000_000)
  const vocabSize = 32_000
  const start = performance.now()
  await trainTokenizer(text.split('\n'), { vocabSize })
  const cria = performance.now() - start
  console.log(`\nTraining ${vocabSize} pieces on 10,000,000 characters of ${trained}, one thread`)
  console.log(`  Cria                     ${(cria / 1000).toFixed(1).padStart(8)} s`)
  if (!hasNative) return
  const native = timeNativeTraining(text, vocabSize)
  console.log(
    `  spm_train (native)       ${(native / 1000).toFixed(1).padStart(8)} s      Cria ${(native / cria).toFixed(1)} times`,
  )
}

const isWhole = !flags['worst-cases'] && !flags.train
if (isWhole) {
  installPeers()
  const all = await contenders(model)
  for (const path of warmUp)
    for (const { encode, decode } of all) for (const line of readText(path).split('\n')) decode(encode(line))
  for (const path of timed) timeLines(all, path)
  timeWhole(all, timed[0])
}
if (isWhole || flags['worst-cases'])
  timeWorstCases(criaContender(readSentencePiece(readFileSync(model), { name: model })))
if (isWhole || flags.train) await timeTraining()
