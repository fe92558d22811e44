import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { CausalModel } from '@cria/attention-variants'
import { bytesFile, type OutputFile } from '@cria/checkpoint'
import { saveFile } from '@cria/checkpoint/node'
import { stepsOf, type TrainingConfig, warmupOf } from '../config'
import type { TrainingData } from '../data'
import { NonFiniteError, ResumeError } from '../errors'
import { evaluate, type TextEncoder } from '../evaluate'
import type { LogEntry } from '../log'
import type { Lora } from '../lora'
import { adamW } from '../optimizer'
import { runPage } from '../report/run-page'
import { differences } from '../rules'
import { warmupCosine } from '../schedule'
import { Trainer, type TrainerState } from '../trainer'
import { lockFolder } from './lock'
import { LogFile } from './log-file'
import { latestStep, prune, type SavedStep, saveStep, stepFolders } from './saved'
import { readStateFile, stateFile, stateName } from './state-file'

/** The data of a run, such as a `Mixture`, with a description of what its rows depend on. */
export interface RunData extends TrainingData {
  readonly sources: readonly { readonly name: string; readonly share?: number }[]
  /** What rows depend on, as JSON. Equal JSON means equal rows. */
  state(row: number): unknown
}

/** The parts of a run in a folder. */
export interface Run {
  readonly folder: string
  readonly config: TrainingConfig
  /** A model with weights: initial ones, or those of the model that the run continues from. */
  readonly model: CausalModel
  /** The adapters that are trained in place of the model's own weights. */
  readonly lora?: Lora | undefined
  readonly data: RunData
  readonly tokenizer: TextEncoder
  /** The documents that are held out. */
  readonly texts?: readonly string[] | undefined
  /** The files of a model with these weights, by the paths of its parameters. */
  modelFiles(weights: ReadonlyMap<string, Float32Array>): readonly OutputFile[]
  /** Writes the text that follows a prompt. */
  sample?(prompt: string, signal: AbortSignal | undefined): Promise<string>
}

export interface RunOptions {
  /** Continue from the latest complete saved step. */
  readonly resume?: boolean | undefined
  /** Save and stop after this many further steps. */
  readonly steps?: number | undefined
  /** Once aborted, the run saves its last step and throws the reason. */
  readonly signal?: AbortSignal | undefined
}

/** What happens in a run. */
export type RunEvent =
  | LogEntry
  | { readonly kind: 'begun'; readonly step: number; readonly steps: number; readonly parameters: number }
  | { readonly kind: 'saved'; readonly step: number; readonly folder: string }
  | { readonly kind: 'note'; readonly text: string }

/** What a saved step notes beside its files. */
interface Noted {
  readonly config: TrainingConfig
  /** The next row, and what rows depend on. */
  readonly row: number
  readonly data: unknown
  readonly device: string
}

/** Keys that may change when a run resumes: no weight depends on them. */
const comparable = ({ checkpoints: _, evaluation: __, samples: ___, output: ____, ...config }: TrainingConfig) => config

/**
 * Trains in a folder: logs each step, evaluates, writes samples and a report, and saves steps. A later call can resume and gives the
 * same weights, bit by bit. The folder is locked during the run.
 * @throws RunLockedError @throws ResumeError @throws NonFiniteError @throws TrainingDataError @throws SaveError
 */
export async function* runTraining(run: Run, options: RunOptions = {}): AsyncGenerator<RunEvent> {
  await mkdir(run.folder, { recursive: true })
  const unlock = await lockFolder(run.folder)
  try {
    yield* lockedRun(run, options)
  } finally {
    await unlock()
  }
}

async function* lockedRun(
  run: Run,
  { resume = false, steps = Infinity, signal }: RunOptions,
): AsyncGenerator<RunEvent> {
  const { folder, config, model, lora } = run
  const saved = await savedStep(run, resume)
  const state = saved && (await readStateFile(join(saved.folder, stateName)))
  using trainer = trainerOf(run, state)
  const log = await LogFile.open(join(folder, 'log.jsonl'), trainer.step)
  const session = new Session(run, trainer, log, saved?.folder)
  const total = stepsOf(config.training)
  yield { kind: 'begun', step: trainer.step, steps: total, parameters: model.parameterCount }
  if (saved) yield* notesOn(run, saved)
  const until = Math.min(total, trainer.step + steps)
  try {
    while (trainer.step < until) {
      yield await session.log({ kind: 'step', ...(await trainer.next(signal)) })
      yield* session.afterStep(trainer.step === total, signal)
    }
  } catch (error) {
    if (error instanceof NonFiniteError) {
      await session.report(false)
      throw new NonFiniteError(error.step, error.quantity, error.op, session.savedIn)
    }
    if (!signal?.aborted) throw error
    yield* session.save()
    throw error
  }
  yield* session.save()
  lora?.merge()
}

/** The saved step from which a run resumes. @throws ResumeError if no step is saved, or the saved step belongs to another run */
const savedStep = async (run: Run, resume: boolean): Promise<SavedStep | undefined> => {
  const { folder, config, data } = run
  const saved = await latestStep(folder)
  if (!resume) {
    if (saved === undefined && (await stepFolders(folder)).length === 0) return undefined
    throw new ResumeError(`${folder} has saved steps of a run: resume it, or give another folder`)
  }
  if (saved === undefined) throw new ResumeError(`${folder} has no saved step to continue from`)
  const noted = saved.manifest.run as Noted
  const found = [
    ...differences(comparable(noted.config), comparable(config)),
    ...differences(noted.data, JSON.parse(JSON.stringify(data.state(noted.row))), 'data'),
  ]
  if (found.length > 0)
    throw new ResumeError(`${saved.folder} is of another run: ${found.join('; ')}. Resume with the config of that run`)
  return saved
}

function* notesOn({ model, folder }: Run, saved: SavedStep): Generator<RunEvent> {
  yield { kind: 'note', text: `continuing from ${saved.folder}` }
  const { device } = saved.manifest.run as Noted
  const now = describe(model)
  if (device !== now)
    yield { kind: 'note', text: `${folder} was trained on ${device}, and this is ${now}: last bits may differ` }
}

/** The build of kernels that runs. The number of threads and of memories changes no bit, so it is left out. */
const describe = ({ device }: CausalModel): string =>
  `${device.name}, ${device.description}`.replace(/, \d+ (threads?( \([^)]*\))?|memories)/g, '')

const trainerOf = ({ config, model, lora, data }: Run, state: TrainerState | undefined): Trainer => {
  const { training } = config
  const { learningRate, finalShare = 0.1, batchTokens, passTokens = batchTokens, clip = 1 } = training
  const schedule = { learningRate, finalShare, warmupSteps: warmupOf(training), steps: stepsOf(training) }
  return new Trainer(model, {
    data,
    schedule: warmupCosine(schedule),
    optimizer: adamW(training),
    clip,
    batchTokens,
    passTokens,
    rowTokens: (config.data as { readonly rowTokens: number }).rowTokens,
    parameters: (lora ?? model).parameters(),
    ...(state && { state }),
  })
}

/** A running run. */
class Session {
  #saved: number

  constructor(
    private readonly run: Run,
    private readonly trainer: Trainer,
    private readonly logFile: LogFile,
    /** Folder of the last step that was saved. */
    public savedIn: string | undefined,
  ) {
    this.#saved = savedIn === undefined ? -1 : trainer.step
  }

  async log<E extends LogEntry>(entry: E): Promise<E> {
    await this.logFile.add(entry)
    return entry
  }

  /** What to do after a step: an evaluation, samples, a checkpoint. */
  async *afterStep(last: boolean, signal: AbortSignal | undefined): AsyncGenerator<RunEvent> {
    const { evaluation, samples, checkpoints } = this.run.config
    const { step } = this.trainer
    const due = (every: number | undefined) => every !== undefined && (last || step % every === 0)
    let best = false
    if (due(evaluation?.every)) {
      const entry = await this.#evaluate(signal)
      best = this.#evaluations.every(({ bitsPerByte }) => bitsPerByte > entry.bitsPerByte)
      yield await this.log(entry)
    }
    if (samples && due(samples.every)) yield await this.log(await this.#sample(samples.prompts, signal))
    if (best || due(checkpoints.every)) yield* this.save(!last)
  }

  /** Saves the last step, unless it is saved already, and writes the report: of a run that goes on, or of one that ends here. */
  async *save(running = false): AsyncGenerator<RunEvent> {
    const { run, trainer } = this
    if (this.#saved !== trainer.step) {
      const state = await trainer.state()
      const { row } = state
      const noted: Noted = { config: run.config, row, data: run.data.state(row), device: describe(run.model) }
      const files = [...run.modelFiles(await weightsOf(run)), stateFile(state)]
      this.savedIn = await saveStep(run.folder, trainer.step, files, noted)
      this.#saved = trainer.step
      await prune(run.folder, run.config.checkpoints.keep, await this.#bestFolders())
      yield { kind: 'saved', step: trainer.step, folder: this.savedIn }
    }
    await this.report(running)
  }

  get #evaluations() {
    return this.logFile.entries.filter(entry => entry.kind === 'evaluation')
  }

  async #evaluate(signal: AbortSignal | undefined) {
    const { model, tokenizer, texts = [] } = this.run
    const found = await evaluate(model, tokenizer, texts, signal ? { signal } : {})
    return { kind: 'evaluation' as const, step: this.trainer.step, ...found }
  }

  async #sample(prompts: readonly string[], signal: AbortSignal | undefined) {
    const samples = []
    for (const prompt of prompts) samples.push({ prompt, text: (await this.run.sample?.(prompt, signal)) ?? '' })
    return { kind: 'samples' as const, step: this.trainer.step, samples }
  }

  /** The folder of the step with the lowest evaluation. */
  async #bestFolders(): Promise<string[]> {
    const [best] = this.#evaluations.toSorted((a, b) => a.bitsPerByte - b.bitsPerByte)
    return best === undefined
      ? []
      : (await stepFolders(this.run.folder)).filter(folder => Number(basename(folder).slice(5)) === best.step)
  }

  async report(running: boolean): Promise<void> {
    const { folder, config, model, data } = this.run
    const { htmlOf } = await import('../report/html') // plotting takes a second to load
    const page = runPage({
      name: basename(folder),
      config,
      entries: this.logFile.entries,
      sources: data.sources,
      parameters: model.parameterCount,
      device: `${model.device.name}, ${model.device.description}`,
      running,
    })
    await saveFile(join(folder, 'report.html'), bytesFile('report.html', new TextEncoder().encode(htmlOf(page))))
  }
}

/** The plain weights of the model, with the updates of adapters added. */
const weightsOf = async ({ model, lora }: Run): Promise<Map<string, Float32Array>> => {
  const adapters = new Set(Array.from(lora?.parameters() ?? [], ([path]) => path))
  const merged = lora?.merged() ?? new Map()
  const weights = new Map<string, Float32Array>()
  try {
    for (const [path, { tensor }] of model.parameters())
      if (!adapters.has(path)) weights.set(path, await (merged.get(path) ?? tensor).read())
    return weights
  } finally {
    for (const tensor of merged.values()) tensor.dispose()
  }
}
