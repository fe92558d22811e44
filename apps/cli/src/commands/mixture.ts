import { resolve } from 'node:path'
import {
  DuplicateFinder,
  llamaMixture,
  type Mixture,
  type MixtureConfig,
  type PlannedSource,
  planMixture,
  type SourceConfig,
} from '@cria/data-mixture'
import {
  type OpenedMixture,
  openMixture,
  readDocuments,
  readMixtureConfig,
  type TokenizeProgress,
} from '@cria/data-mixture/node'
import { Argument, type Command, InvalidArgumentError } from 'commander'
import { UsageError } from '../errors'
import { write } from '../standard-streams'
import { table } from '../table'
import { readTokenizer } from '../vocabulary'

interface Flags {
  readonly config?: string
  readonly tokenizer?: string
  readonly tokens?: number
  readonly nearDuplicates?: true
}

/** Tokens that LLaMA 33B and 65B were trained on. */
const llamaTokens = 1.4e12

/** `cria mixture`: what a mixture of sources gives; `cria mixture llama`: the table of the paper. */
export const addMixture = (program: Command, signal: AbortSignal): void => {
  program
    .command('mixture')
    .description('report on a mixture of sources: shares, unique tokens, epochs, and shares that are not possible')
    .addArgument(new Argument('[name]', "a published mixture: llama, the LLaMA paper's").choices(['llama']))
    .option('--config <file>', 'JSON: sources with their files and shares, tokenizer, rowTokens')
    .option('--tokenizer <path>', "the tokenizer, in place of the config's")
    .option(
      '--tokens <n>',
      'tokens to train on, such as 10M; default: totalTokens of the config, or all tokens',
      tokens,
    )
    .option('--near-duplicates', 'read all documents, and report near-copies of earlier ones')
    .action(async (name: 'llama' | undefined, { config, ...flags }: Flags) => {
      if ((name === undefined) === (config === undefined)) {
        throw new UsageError('expected either --config FILE or the name of a published mixture: llama')
      }
      if (config !== undefined) return report(config, flags, signal)
      if (flags.tokenizer || flags.nearDuplicates) {
        throw new UsageError(`--${flags.tokenizer ? 'tokenizer' : 'near-duplicates'} needs --config`)
      }
      await writePlan(llamaMixture, flags.tokens ?? llamaTokens)
    })
}

/** A number of tokens, such as 1.4T, 300k or 2e9. */
const tokens = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?(?:e\d+)?)([kMBT]?)$/.exec(text)
  const value = match ? Number(match[1]) * { '': 1, k: 1e3, M: 1e6, B: 1e9, T: 1e12 }[match[2] as ''] : 0
  if (!(value >= 1 && value <= 2 ** 53))
    throw new InvalidArgumentError('Expected a number of tokens, such as 1.4T, 10M or 5000.')
  return value
}

const formatTokens = (count: number): string => {
  // Rounded first, so that 999,999 is 1.00M.
  const rounded = Math.round(Number(count.toPrecision(3)))
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(rounded, 1)) / 3)))
  return power === 0 ? String(Math.round(count)) : `${(rounded / 1000 ** power).toPrecision(3)}${' kMBT'[power]}`
}

const percent = (share: number): string => `${(100 * share).toFixed(2)}%`

/** Sources by arithmetic alone. */
const writePlan = async (sources: readonly PlannedSource[], total: number): Promise<void> => {
  const plan = planMixture(sources, total)
  const rows = plan.sources.map(({ name, share, tokens, uniqueTokens, epochs }) => [
    ...[name, percent(share), formatTokens(tokens), formatTokens(uniqueTokens), epochs.toFixed(2)],
  ])
  await write(table([['source', 'share', 'tokens', 'unique', 'epochs'], ...rows]))
  await write(`${formatTokens(total)} tokens; the order of the sources repeats every ${plan.cycle} rows\n`)
}

const report = async (path: string, flags: Omit<Flags, 'config'>, signal: AbortSignal): Promise<void> => {
  const { config, base } = await readMixtureConfig(path)
  const tokenizerPath = flags.tokenizer ?? (config.tokenizer && resolve(base, config.tokenizer))
  if (tokenizerPath === undefined) throw new UsageError('no tokenizer: name one in the config, or by --tokenizer')
  if (flags.nearDuplicates) checkFiles(config)
  const tokenizer = await readTokenizer(tokenizerPath, signal)
  const progress = new Progress()
  const onProgress = (now: TokenizeProgress) => progress.update(now)
  const opened = await openMixture(config, tokenizer, { base, signal, onProgress }).finally(() => progress.end())
  try {
    await writeTable(config, opened, flags.tokens)
  } finally {
    await opened.close()
  }
  if (flags.nearDuplicates) await writeNearDuplicates(config, base, signal)
}

/** Reports the tokenization of each source on standard error: a line that is updated on a terminal, and a line at the end. */
class Progress {
  private last: TokenizeProgress | undefined

  update(progress: TokenizeProgress): void {
    if (this.last && this.last.source !== progress.source) this.end()
    this.last = progress
    if (process.stderr.isTTY) process.stderr.write(`\r${describe(progress)}`)
  }

  end(): void {
    if (this.last) process.stderr.write(process.stderr.isTTY ? '\n' : `${describe(this.last)}\n`)
    this.last = undefined
  }
}

const describe = ({ source, documents, tokens }: TokenizeProgress): string =>
  `tokenized ${source}: ${documents} documents, ${tokens} tokens`

const writeTable = async (
  config: MixtureConfig,
  { mixture, sources }: OpenedMixture,
  asked?: number,
): Promise<void> => {
  const unique = mixture.sources.map(({ tokens }) => tokens)
  const total = asked ?? config.totalTokens ?? unique.reduce((sum, tokens) => sum + tokens, 0)
  const rows = Math.floor(total / mixture.rowTokens)
  if (rows === 0) throw new UsageError(`${total} tokens are fewer than the ${mixture.rowTokens} of a row: ask for more`)
  const lines = mixture
    .use(rows)
    .map(({ name, share, rows, tokens, epochs }, i) => [
      ...[name, percent(config.sources[i].share), percent(share), String(rows), formatTokens(tokens)],
      ...[formatTokens(unique[i]), epochs.toFixed(2), String(sources[i].validation.documents)],
    ])
  const head = ['source', 'asked', 'given', 'rows', 'tokens', 'unique', 'epochs', 'held out']
  await write(table([head, ...lines]))
  await write(
    `${rows} rows of ${mixture.rowTokens} tokens; the order of the sources repeats every ${mixture.cycle} rows\n`,
  )
  await writeProblems(config, mixture, rows)
}

const writeProblems = async (
  config: MixtureConfig,
  { sources: own, rowTokens }: Mixture,
  rows: number,
): Promise<void> => {
  // The tokens of whole rows, as the table counts them.
  const planned = config.sources.map(({ name, share, maxEpochs }, i) => {
    return { name, share, maxEpochs, uniqueTokens: own[i].rows * rowTokens }
  })
  const { sources, mostTokens } = planMixture(planned, rows * rowTokens)
  const problems = sources.flatMap(({ name, problem, asked, share }) => [
    ...(problem ? [`${name}: ${problem}`] : []),
    ...(Math.abs(asked - share) > 1e-8 ? [`${name}: a share of ${asked} is rounded to ${share}`] : []),
  ])
  if (problems.length === 0) return
  const most = Number.isFinite(mostTokens) ? ` (all limits hold up to ${formatTokens(mostTokens)} tokens)` : ''
  await write(`cannot be met${most}:\n${problems.map(problem => `  ${problem}\n`).join('')}`)
}

const checkFiles = ({ sources }: MixtureConfig): void => {
  const withoutFiles = sources.find(({ files }) => files === undefined)
  if (withoutFiles) {
    throw new UsageError(
      `--near-duplicates reads documents, but ${withoutFiles.name} has token shards alone: give files`,
    )
  }
}

/** Pairs that are shown. */
const maxPairs = 20

const writeNearDuplicates = async ({ sources }: MixtureConfig, base: string, signal: AbortSignal): Promise<void> => {
  const finder = new DuplicateFinder()
  /** For each source the number of the documents before it. */
  const firsts: number[] = []
  const lines: string[][] = []
  const pairs: string[][] = []
  for (const source of sources) {
    const first = finder.documents
    firsts.push(first)
    let [own, others] = [0, 0]
    for await (const text of readDocuments(filesOf(source), { base, signal })) {
      const match = finder.add(text)
      if (!match) continue
      if (match.document >= first) own++
      else others++
      const earlier = firsts.findLastIndex(first => first <= match.document)
      const place = `${sources[earlier].name} ${match.document - firsts[earlier]}`
      const here = `${source.name} ${finder.documents - 1 - first}`
      if (pairs.length < maxPairs) pairs.push([here, place, match.similarity.toFixed(2)])
    }
    lines.push([source.name, String(finder.documents - first), String(own), String(others)])
  }
  await write(`\n${table([['source', 'documents', 'like its own', "like another's"], ...lines])}`)
  if (pairs.length > 0) await write(`\n${table([['document', 'is like', 'similarity'], ...pairs])}`)
}

const filesOf = ({ files = [], format, field, separator }: SourceConfig) => ({ files, format, field, separator })
