import { createMixture, tokenizeInMemory } from '@cria/data-mixture'
import { readDocuments } from '@cria/data-mixture/node'
import { trainTokenizer } from '@cria/tokenizer'
import { evaluate, initialiseWeights } from '@cria/training'
import {
  baseSizes,
  type CompareOptions,
  type Comparison,
  compare,
  decayBound,
  decodeSpeeds,
  type ExperimentText,
  type Interval,
  interval95,
  meanScore,
  type NormTime,
  normTimes,
  pairedDifference,
  plainWidth,
  relativeChange,
  summarise,
  type TrainedVariant,
  type Variant,
  type VariantChoices,
  VariantModel,
  type VariantSizes,
  verdict,
  withKvHeads,
} from '@cria/training/experiments'
import type { Page, Table } from '@cria/training/node'
import type { Device } from 'cria'
import { InputError } from './errors'
import { endOfText } from './training'
import { readTokenizer } from './vocabulary'

export interface ExperimentSettings {
  readonly device: Device
  /** Files of text; without them, only what needs no training is measured. */
  readonly text?: readonly string[] | undefined
  readonly tokenizer?: string | undefined
  readonly seeds: number
  readonly steps: number
  readonly batchTokens: number
  readonly learningRate: number
  /** After the first seed, none is begun that would end after this. */
  readonly deadline: number
  readonly signal: AbortSignal
  /** Called with each model that was trained. */
  onTrained(trained: TrainedVariant): void
}

/** What an experiment found: tables, charts, and how to read them. */
export interface Findings extends Pick<Page, 'title' | 'charts' | 'tables' | 'notes'> {
  /** What ended it before its last seed; the seeds that were whole are in the tables. */
  readonly stopped?: unknown
}

export const experiments: Readonly<Record<string, (settings: ExperimentSettings) => Promise<Findings>>> = {
  heads: settings => heads(settings),
  'feed-forward': settings => feedForward(settings),
  norm: settings => norm(settings),
  rope: settings => rope(settings),
}

/** One document in this many is held out. */
const HELD_OUT = 20

const VOCABULARY = 1024

interface OpenedText extends ExperimentText {
  readonly vocabSize: number
}

/** Reads the documents, and tokenizes them with a tokenizer that is given or trained on them. */
const openText = async (settings: ExperimentSettings, rowTokens: number): Promise<OpenedText | undefined> => {
  const { text: files, tokenizer: path, signal } = settings
  if (files === undefined) return undefined
  const training: string[] = []
  const heldOut: string[] = []
  let count = 0
  for await (const text of readDocuments({ files, separator: endOfText }, { signal }))
    (count++ % HELD_OUT === 0 ? heldOut : training).push(text)
  if (training.length === 0) throw new InputError(`${files.join(', ')}: an experiment needs at least two documents`)
  const tokenizer = path
    ? await readTokenizer(path, signal)
    : await trainTokenizer(training, { vocabSize: VOCABULARY, signal })
  const { training: tokens } = await tokenizeInMemory(training, tokenizer, 'text', { signal })
  return {
    tokenizer,
    vocabSize: tokenizer.vocabSize,
    heldOut,
    data: seed => createMixture([{ name: 'text', share: 1, tokens }], { rowTokens, seed }),
  }
}

interface Choice {
  readonly name: string
  readonly sizes: VariantSizes
  readonly choices?: VariantChoices
}

/** Trains variants, until the last seed or until something stops it after the first. */
const trainAll = async (
  { steps, batchTokens, learningRate, seeds, deadline, signal, onTrained }: ExperimentSettings,
  text: OpenedText,
  variants: readonly Variant[],
  score?: CompareOptions['score'],
): Promise<{ readonly trained: readonly TrainedVariant[]; readonly stopped?: unknown }> => {
  const options = {
    text,
    variants,
    rowTokens: baseSizes.max_seq_len,
    batchTokens,
    steps,
    learningRate,
    seeds,
    deadline,
  }
  const trained: TrainedVariant[] = []
  try {
    for await (const one of compare({ ...options, signal, ...(score && { score }) })) {
      trained.push(one)
      onTrained(one)
    }
    return { trained }
  } catch (error) {
    if (trained.length < variants.length) throw error
    return { trained, stopped: error }
  }
}

/** Trains the choices, if there is text to train on. */
const losses = async (settings: ExperimentSettings, text: OpenedText | undefined, choices: readonly Choice[]) => {
  if (text === undefined) return undefined
  const variants = choices.map(({ name, sizes, choices }) => {
    return { name, build: () => new VariantModel(settings.device, sizes, choices) }
  })
  const found = await trainAll(settings, text, variants)
  return {
    ...found,
    comparison: summarise(
      choices.map(({ name }) => name),
      found.trained,
    ),
  }
}

const plusMinus = ({ mean, margin }: Interval): string =>
  `${mean >= 0 ? '+' : ''}${mean.toFixed(4)}${Number.isFinite(margin) ? ` ± ${margin.toFixed(4)}` : ''}`

const lossTable = ({ summaries, seeds }: Comparison, title = 'Held-out loss'): Table => ({
  title: `${title}, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`,
  columns: ['variant', 'parameters', 'bits per byte', 'difference (95%)', 'so'],
  rows: summaries.map(({ variant, parameters, mean, difference }) => [
    ...[variant, parameters.toLocaleString('en-US'), mean.toFixed(4)],
    ...[difference ? plusMinus(difference) : '', verdict(difference)],
  ]),
})

const lossChart = ({ summaries }: Comparison): Page['charts'] => [
  {
    kind: 'intervals',
    title: `Difference to ${summaries[0].variant}`,
    caption: 'Mean of the pairs with the same seed and rows, its 95% interval, and each pair. Left of 0 is better.',
    x: 'bits per byte',
    rows: summaries.flatMap(({ variant, difference, differences }) =>
      difference ? [{ name: variant, mean: difference.mean, margin: difference.margin, values: differences }] : [],
    ),
  },
]

/** What seeds change, beside what variants change. */
const seedNote = ({ summaries }: Comparison, seedDifference: number): string => {
  const variants = Math.max(...summaries.map(({ difference }) => Math.abs(difference?.mean ?? 0)))
  const seeds = `Two seeds of one variant typically differ by ${seedDifference.toFixed(4)} bits per byte`
  return seedDifference > variants
    ? `${seeds}, more than the variants do (at most ${variants.toFixed(4)}): one pair of runs says nothing.`
    : `${seeds}, the variants by up to ${variants.toFixed(4)}: a difference below its margin is noise.`
}

/** How far the losses can be trusted. */
const lossNotes = (comparison: Comparison | undefined, settings: ExperimentSettings): string[] => {
  if (comparison === undefined) return ['No text was given, so no model was trained: add --text FILE for losses.']
  const { seeds, seedDeviation } = comparison
  const tokens = settings.steps * settings.batchTokens
  return [
    `Models of a million parameters, ${tokens.toLocaleString('en-US')} tokens each, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}.`,
    ...(seedDeviation === undefined
      ? ['One seed shows speed and memory, not loss: two seeds of one variant differ by more than the variants do.']
      : [seedNote(comparison, Math.SQRT2 * seedDeviation)]),
    'What small models cannot show: quality at billions of parameters and tokens, where the papers chose these parts.',
  ]
}

const sizesFor = (text: OpenedText | undefined): VariantSizes => ({
  ...baseSizes,
  vocab_size: text?.vocabSize ?? VOCABULARY,
})

/** Tokens in the cache where decoding is timed: the more there are, the more of a step is reading them. */
const depths = [128, 512, 2048]

/** Times decoding of all choices, in the same rounds. */
const decoding = async (device: Device, choices: readonly Choice[]) => {
  const models = choices.map(
    ({ sizes, choices }) => new VariantModel(device, { ...sizes, max_seq_len: 2 * Math.max(...depths) }, choices),
  )
  try {
    const found = choices.map(({ name }, i) => {
      initialiseWeights(models[i])
      return { name, cacheBytes: models[i].kvBytesPerToken(2), points: [] as (readonly [number, number])[] }
    })
    for (const depth of depths)
      for (const [i, speed] of (await decodeSpeeds(models, depth)).entries()) found[i].points.push([depth, speed])
    return found
  } finally {
    for (const model of models) model.dispose()
  }
}

const heads = async (settings: ExperimentSettings): Promise<Findings> => {
  const { device } = settings
  const text = await openText(settings, baseSizes.max_seq_len)
  const base = sizesFor(text)
  const choices: Choice[] = [
    { name: 'MHA', sizes: base },
    { name: 'GQA', sizes: withKvHeads(base, base.n_heads / 4) },
    { name: 'MQA', sizes: withKvHeads(base, 1) },
  ]
  const timed = await decoding(device, choices)
  const found = await losses(settings, text, choices)
  return {
    title: 'Multi-head, grouped-query and multi-query attention',
    charts: [
      {
        ...{ kind: 'curves', title: 'Decoding behind a longer and longer cache' },
        caption: 'Tokens a second of one sequence. Higher is faster.',
        ...{ x: 'tokens in the cache', y: 'tokens a second', yFromZero: true, series: timed },
      },
      ...(found ? lossChart(found.comparison) : []),
    ],
    tables: [
      {
        title: 'Cache and decoding',
        columns: [
          ...['variant', 'kv heads', 'feed-forward', 'cache bytes a token (f16)'],
          ...depths.map(depth => `tokens a second behind ${depth.toLocaleString('en-US')}`),
        ],
        rows: choices.map(({ name, sizes }, i) => [
          ...[name, String(sizes.n_kv_heads), String(sizes.hidden_dim), String(timed[i].cacheBytes)],
          ...timed[i].points.map(([, speed]) => speed.toFixed(1)),
        ]),
      },
      ...(found ? [lossTable(found.comparison)] : []),
    ],
    notes: [
      'All variants have the same number of parameters: the feed-forward takes what the key and value heads leave (LLaMA 2, A.2.1).',
      ...lossNotes(found?.comparison, settings),
    ],
    stopped: found?.stopped,
  }
}

const feedForward = async (settings: ExperimentSettings): Promise<Findings> => {
  const text = await openText(settings, baseSizes.max_seq_len)
  const base = sizesFor(text)
  const plain = { ...base, hidden_dim: plainWidth(base) }
  const choices: Choice[] = [
    { name: 'SwiGLU', sizes: base },
    { name: 'ReLU', sizes: plain, choices: { feedForward: 'relu' } },
    { name: 'GELU', sizes: plain, choices: { feedForward: 'gelu' } },
  ]
  const found = await losses(settings, text, choices)
  const widths = choices.map(({ name, sizes: { hidden_dim, dim } }) => {
    const matrices = name === 'SwiGLU' ? 3 : 2
    return [name, String(hidden_dim), String(matrices), (matrices * dim * hidden_dim).toLocaleString('en-US')]
  })
  return {
    title: 'SwiGLU at 2/3 · 4d against ReLU and GELU at 4d',
    charts: found ? lossChart(found.comparison) : [],
    tables: [
      { title: 'Widths', columns: ['variant', 'width', 'matrices', 'parameters a layer'], rows: widths },
      ...(found ? [lossTable(found.comparison)] : []),
    ],
    notes: lossNotes(found?.comparison, settings),
    stopped: found?.stopped,
  }
}

const normChart = (times: readonly NormTime[]): Page['charts'][number] => {
  const series = (name: string, seconds: (time: NormTime) => number) => {
    return { name, points: times.map(time => [time.dim, 1e6 * seconds(time)] as const) }
  }
  return {
    ...{ kind: 'curves', title: 'Time of one call', x: 'width', y: 'µs', yFromZero: true },
    caption: 'Over 2,048 rows, the median. Lower is faster.',
    series: [
      series('RMSNorm', ({ rms }) => rms),
      series('LayerNorm', ({ layer }) => layer),
      series('RMSNorm with gradients', ({ rmsBoth }) => rmsBoth),
      series('LayerNorm with gradients', ({ layerBoth }) => layerBoth),
    ],
  }
}

const norm = async (settings: ExperimentSettings): Promise<Findings> => {
  const text = await openText(settings, baseSizes.max_seq_len)
  const sizes = sizesFor(text)
  const times = await normTimes(settings.device, [128, 512, 2048, 4096])
  const found = await losses(settings, text, [
    { name: 'RMSNorm', sizes },
    { name: 'LayerNorm', sizes, choices: { norm: 'layer' } },
  ])
  const seconds = (name: string) =>
    found?.trained.filter(({ variant }) => variant === name).map(({ seconds }) => seconds) ?? []
  const microseconds = (value: number) => (1e6 * value).toFixed(0)
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  return {
    title: 'RMSNorm against LayerNorm',
    charts: [normChart(times), ...(found ? lossChart(found.comparison) : [])],
    tables: [
      {
        title: 'Time of one call over 2,048 rows, µs (median)',
        columns: [
          'width',
          'RMSNorm',
          'LayerNorm',
          'saved',
          'RMSNorm with gradients',
          'LayerNorm with gradients',
          'saved',
        ],
        rows: times.map(({ dim, rms, layer, saved, rmsBoth, layerBoth, savedBoth }) => [
          ...[dim.toLocaleString('en-US'), microseconds(rms), microseconds(layer), percent(saved)],
          ...[microseconds(rmsBoth), microseconds(layerBoth), percent(savedBoth)],
        ]),
      },
      ...(found
        ? [
            {
              title: 'Time of training a model, seconds (mean)',
              columns: ['variant', 'seconds'],
              rows: ['RMSNorm', 'LayerNorm'].map(name => [name, interval95(seconds(name)).mean.toFixed(1)]),
            },
            lossTable(found.comparison),
          ]
        : []),
    ],
    notes: [
      'The 7 to 64% that Zhang and Sennrich (2019) report are of running times of whole models in the frameworks of their time.',
      ...lossNotes(found?.comparison, settings),
    ],
    stopped: found?.stopped,
  }
}

const rope = async (settings: ExperimentSettings): Promise<Findings> => {
  const distances = Array.from({ length: 257 }, (_, i) => i)
  const [bound, score] = [decayBound(128, distances), meanScore(128, distances)]
  const heads = [16, 64, 128]
  const text = await openText(settings, baseSizes.max_seq_len)
  const longer = text && (await beyondContext(settings, text))
  return {
    title: 'Rotary embeddings: relative, decaying, and beyond the context',
    charts: [
      {
        kind: 'curves',
        title: 'Score against distance',
        caption:
          'Heads of 128: the bound of Su et al. (2021, equation 37), and the mean score of a query with a key that is alike.',
        x: 'distance',
        y: 'relative to distance 0',
        series: [
          { name: 'bound', points: bound.map((value, i) => [i, value] as const) },
          { name: 'mean score', points: score.map((value, i) => [i, value] as const) },
        ],
      },
      ...(longer ? longer.charts : []),
    ],
    tables: [
      {
        title: 'Change of a score when query and key both move on',
        columns: ['size of a head', 'largest change, relative'],
        rows: heads.map(headDim => [String(headDim), relativeChange(headDim).toExponential(1)]),
      },
      {
        title: 'Score against distance, relative to distance 0 (heads of 128)',
        columns: ['distance', 'bound', 'mean score'],
        rows: [0, 1, 2, 4, 8, 16, 32, 64, 128, 256].map(i => [String(i), bound[i].toFixed(3), score[i].toFixed(3)]),
      },
      ...(longer ? longer.tables : []),
    ],
    notes: [
      'The score of a query and a key depends on their distance alone: what is left of the change is rounding of float64.',
      ...(longer
        ? [
            'Trained at 256 tokens, read at 512: the held-out documents as one text, each token predicted from 256 to 512 tokens before it.',
          ]
        : ['No text was given, so no model was trained: add --text FILE to read a model beyond its context.']),
      'What small models cannot show: scaling after training on longer text, as models with long contexts are made.',
    ],
    stopped: longer?.stopped,
  }
}

const scalings: Readonly<Record<string, VariantChoices>> = {
  'linear, factor 2': { scaling: { type: 'linear', factor: 2 } },
  'dynamic, factor 2': { scaling: { type: 'dynamic', factor: 2, original_max_seq_len: baseSizes.max_seq_len } },
}

/** Trains at 256 tokens, and reads at 256 and 512, without and with scaling. */
const beyondContext = async (
  settings: ExperimentSettings,
  text: OpenedText,
): Promise<Pick<Findings, 'charts' | 'tables' | 'stopped'>> => {
  const { device, signal } = settings
  const trained = baseSizes.max_seq_len
  const sizes = { ...baseSizes, vocab_size: text.vocabSize, max_seq_len: 2 * trained }
  const document = text.heldOut.join('\n\n')
  /** By how it was read: bits per byte of each seed. */
  const scores = new Map<string, number[]>()
  const readAll: CompareOptions['score'] = async model => {
    const read = async (model: Parameters<typeof evaluate>[0], context: number) =>
      (await evaluate(model, text.tokenizer, [document], { context, signal })).bitsPerByte
    const own = await read(model, trained)
    const found = new Map([
      [`${trained}`, own],
      [`${2 * trained}, as trained`, await read(model, 2 * trained)],
    ])
    for (const [name, choices] of Object.entries(scalings)) {
      using scaled = new VariantModel(device, sizes, choices)
      const weights = new Map(model.parameters())
      for (const [path, parameter] of scaled.parameters()) {
        const values = await weights.get(path)?.tensor.read()
        if (values) parameter.load(device.tensor(values, parameter.shape))
      }
      found.set(`${2 * trained}, ${name}`, await read(scaled, 2 * trained))
    }
    for (const [name, score] of found) scores.set(name, [...(scores.get(name) ?? []), score])
    return own
  }
  const variant = { name: `trained at ${trained}`, build: () => new VariantModel(device, sizes) }
  const { stopped } = await trainAll(settings, text, [variant], readAll)
  const baseline = scores.get(`${trained}`) ?? []
  const found = [...scores].map(([name, values]) => {
    return { name, values, difference: values === baseline ? undefined : pairedDifference(values, baseline) }
  })
  return {
    stopped,
    charts: [
      {
        ...{ kind: 'intervals', title: `Difference to reading at ${trained}`, x: 'bits per byte' },
        caption: 'Mean of the seeds, its 95% interval, and each seed. Left of 0 is better.',
        rows: found.flatMap(({ name, values, difference }) =>
          difference ? [{ name, ...difference, values: values.map((value, seed) => value - baseline[seed]) }] : [],
        ),
      },
    ],
    tables: [
      {
        title: `A model trained at ${trained} tokens, ${baseline.length} ${baseline.length === 1 ? 'seed' : 'seeds'}`,
        columns: ['read at', 'bits per byte', `difference to ${trained} (95%)`, 'so'],
        rows: found.map(({ name, values, difference }) => [
          ...[name, interval95(values).mean.toFixed(4)],
          ...[difference ? plusMinus(difference) : '', verdict(difference)],
        ]),
      },
    ],
  }
}
