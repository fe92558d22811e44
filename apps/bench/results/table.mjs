// Prints the JSON of `pnpm bench inference` and `pnpm bench training` as Markdown tables: `node results/table.mjs FILE...`

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

const number = value =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : Number(value.toPrecision(3)).toString()
const spread = ({ median, min, max }) => `${number(median)} (${number(min)}–${number(max)})`
const percent = share => `${Math.round(100 * share)}%`
const megabytes = bytes => (bytes === undefined ? '' : `${Math.round(bytes / 1e6)} MB`)
const row = cells => `| ${cells.join(' | ')} |`
const table = (columns, rows) => [row(columns), row(columns.map(() => '---')), ...rows.map(row)].join('\n')

const link = (file, text) => `[${text}](${file})`
const runtime = ({ description }) => /^Node v\d+|^Chromium \d+/.exec(description)?.[0] ?? ''

const inferenceRows = ({ file, data: { work, contenders, ratios } }) =>
  ratios.map(({ of, to, prefill, decode }) => {
    const [cria, other] = [of, to].map(name => contenders.find(contender => contender.name === name))
    const { model, weights, prompt, depth, tokens, sequences } = work
    const what = `${model}, ${weights.join(' + ')}: prompt ${prompt}, ${tokens} behind ${depth}`
    return [
      link(file, sequences > 1 ? `${what}, ${sequences} sequences` : what),
      runtime(cria),
      to,
      ...[number(cria.prefill.median), number(other.prefill.median), spread(prefill)],
      ...[number(cria.decode.median), number(other.decode.median), spread(decode)],
      ...[percent(cria.bandwidthShare.median), megabytes(cria.peakBytes)],
    ]
  })

const firstTokenRows = ({ file, title, data: { results } }) =>
  results
    .slice(1)
    .map(({ name, seconds, times, peakBytes }) => [
      link(file, title.split(':').slice(0, -1).join(':')),
      ...[runtime(results[0]), name, `${number(results[0].seconds.median)} s`, `${number(seconds.median)} s`],
      ...[spread(times), megabytes(results[0].peakBytes), megabytes(peakBytes)],
    ])

const trainingRows = ({ file, data }) =>
  data.map(({ size, name, description, rate, times, share, peakBytes }) => [
    link(file, size),
    ...[name, runtime({ description }), number(rate.median), spread(times), percent(share.median)],
    megabytes(peakBytes),
  ])

const files = process.argv.slice(2).map(path => ({
  file: path.includes('results/') ? path.split('results/').at(-1) : basename(path),
  ...JSON.parse(readFileSync(path, 'utf8')),
}))
const sections = [
  [
    files.filter(({ data }) => data.work),
    inferenceRows,
    ['work', 'Cria in', 'peer', 'prefill', 'peer', 'ratio', 'decode', 'peer', 'ratio', 'of bandwidth', 'memory'],
  ],
  [
    files.filter(({ data }) => data.results),
    firstTokenRows,
    ['start to first token', 'Cria in', 'peer', 'Cria', 'peer', 'Cria / peer', 'memory', 'its memory'],
  ],
  [
    files.filter(({ title }) => title.startsWith('Training')),
    trainingRows,
    ['size', '', 'in', 'tokens/s', 'Cria / it', 'of multiply-adds', 'memory'],
  ],
]
for (const [found, rows, columns] of sections) {
  const all = found.flatMap(rows)
  if (all.length > 0) console.log(`${table(columns, all)}\n`)
}
