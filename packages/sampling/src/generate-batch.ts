import { Batch, TextBatch } from './batch'
import { OptionError } from './errors'
import { capacityFor, continued, emptyStats, type Start } from './generate'
import { type GenerateTextOptions, type TextCodec, textRun } from './generate-text'
import { type Ending, Generation, type GenerationStats, type Token } from './generation'
import { checkOptions } from './options/check'
import type { OptionsOf } from './options/kinds'
import { batchOptions } from './options/table'
import { answerSeed } from './random'
import type { SequenceModel } from './sequence'
import { createSession, Session } from './session'
import { type GenerateOptions, promptIds, type Settings, settingsOf } from './settings'
import { abortable, throwIfAborted } from './signals'

/** The options of a batch beyond those of one generation. */
export type BatchOptions = OptionsOf<typeof batchOptions>

/**
 * Generates `n` answers for each of several prompts, in parallel. A prompt is computed once, for any number of
 * answers. Each answer has its own seed, derived from `seed` and given in `answers`; `generate` gives the same answer with that seed.
 *
 * @param prompts ids, at least one (BOS) each
 * @throws OptionError, PromptError, LogitsError as `generate`
 */
export const generateBatch = (
  model: SequenceModel,
  prompts: readonly ArrayLike<number>[],
  { n, ...options }: GenerateOptions & BatchOptions = {},
): Batch<Token> => {
  const { generations, free } = batchOf(model, prompts, settingsOf(options), n)
  return new Batch(generations, free)
}

/**
 * As `generateBatch`, from texts (or token ids) to texts.
 *
 * @throws OptionError, PromptError, LogitsError as `generate`
 */
export const generateTextBatch = (
  model: SequenceModel,
  tokenizer: TextCodec,
  prompts: readonly (string | ArrayLike<number>)[],
  { n, ...options }: GenerateTextOptions & BatchOptions = {},
): TextBatch => {
  const text = textRun(tokenizer, options)
  const ids = prompts.map(text.idsOf)
  const { generations, free } = batchOf(model, ids, settingsOf(text.tokenOptions), n)
  const perPrompt = generations.length / prompts.length
  return new TextBatch(
    generations.map((tokens, i) => text.textOf(tokens, ids[Math.floor(i / perPrompt)])),
    free,
  )
}

const batchOf = (
  model: SequenceModel,
  prompts: readonly ArrayLike<number>[],
  settings: Settings,
  n: number = batchOptions.n.default,
): { generations: Generation<Token>[]; free: () => void } => {
  checkOptions({ n }, batchOptions)
  if (settings.options.draft instanceof Session && n * prompts.length > 1)
    throw new OptionError('draft', settings.options.draft, "'prompt' or a model: a session serves one answer at a time")
  const histories = prompts.map(prompt => promptIds(prompt, model.maxSeqLen))
  const onProgress = summedProgress(settings, histories)
  const shared = histories.map(
    (history, i) => new SharedPrompt(model, history, settings, n, done => onProgress(i, done)),
  )
  const generations = histories.flatMap((history, i) =>
    Array.from({ length: n }, (_, k) => {
      const seed = answerSeed(settings.seed, i * n + k)
      const stats = emptyStats(history.length)
      return new Generation(seed, stats, answer(shared[i], { settings, seed, stats }), settings.options.signal)
    }),
  )
  return {
    generations,
    free: () => {
      for (const prompt of shared) prompt.dispose()
    },
  }
}

/** Reports the finished tokens of all prompts together. */
const summedProgress = ({ options }: Settings, histories: readonly number[][]) => {
  const done = histories.map(() => 0)
  const total = histories.reduce((sum, { length }) => sum + length, 0)
  return (prompt: number, tokens: number): void => {
    if (done[prompt] === tokens) return
    done[prompt] = tokens
    options.onPromptProgress?.(
      done.reduce((sum, each) => sum + each, 0),
      total,
    )
  }
}

async function* answer(
  prompt: SharedPrompt,
  start: Pick<Start, 'settings' | 'stats'> & { readonly seed: number },
): AsyncGenerator<Token, Ending, void> {
  throwIfAborted(start.settings.options.signal)
  const { session, first } = await prompt.take(start.stats)
  try {
    const history = prompt.history.slice()
    return yield* continued({ ...start, session, history, first, context: prompt.context })
  } finally {
    session.dispose()
  }
}

/** A prompt that is computed once, and the sequences of its answers. */
class SharedPrompt {
  #base: Session | undefined
  #computed: Promise<Float32Array> | undefined
  /** The sequences made so far: a sequence is not forked while it runs. */
  #forked: Promise<unknown> = Promise.resolve()
  #isTaken = false

  constructor(
    private readonly model: SequenceModel,
    readonly history: readonly number[],
    private readonly settings: Settings,
    private left: number,
    private readonly onProgress: (done: number) => void,
  ) {}

  /** The longest text, in tokens. */
  get context(): number {
    return this.model.maxSeqLen
  }

  /** A session that holds the prompt, owned by one answer, and the logits after the prompt. */
  async take(stats: GenerationStats): Promise<{ session: Session; first: Float32Array }> {
    const isLast = --this.left === 0
    if (this.#computed) stats.cachedTokens = this.history.length
    else this.#computed = this.#compute(stats)
    const first = await this.#computed
    const base = this.#base as Session
    // The last answer uses the sequence itself.
    const forked = this.#forked.then(() => (isLast ? base : base.fork()))
    this.#forked = forked
    const session = await forked
    this.#isTaken = isLast
    return { session, first }
  }

  async #compute(stats: GenerationStats): Promise<Float32Array> {
    const { history, settings } = this
    const { signal } = settings.options
    this.#base = createSession(this.model, { capacity: capacityFor(this.model, history.length, settings) })
    const start = performance.now()
    const [logits] = await abortable(this.#base.forward(history, { signal, onProgress: this.onProgress }), signal)
    stats.promptSeconds = (performance.now() - start) / 1000
    this.onProgress(history.length)
    return logits
  }

  /** Frees the sequence, if no answer owns it. */
  dispose(): void {
    if (!this.#isTaken) this.#base?.dispose()
  }
}
