import type { RunEvent } from '@cria/training/node'
import { Presets, SingleBar } from 'cli-progress'
import type { Command } from 'commander'
import { positiveNumber } from '../arguments'
import { UsageError } from '../errors'
import { extendGrace } from '../interrupt'
import type { TrainingFlags } from '../training'

interface Flags extends TrainingFlags {
  readonly steps?: number
}

/** How long saving may take after Ctrl-C. */
const SAVING_MS = 60_000

/** `cria train`: pretraining, and fine-tuning of all weights or by LoRA, by a config. */
export const addTrain = (program: Command, signal: AbortSignal): void => {
  program
    .command('train')
    .description('train a model by a config; Ctrl-C saves the last step')
    .requiredOption('--config <file>', 'JSON: model, tokenizer, data, training, checkpoints, output')
    .option(
      '--model <path>',
      'continue from this model: a folder, a file, a URL or hf:OWNER/NAME; the config then has no model',
    )
    .option('--resume <dir>', 'continue from the latest saved step of the run in this folder')
    .option('--steps <n>', 'save and stop after n steps; default: all steps of the config', positiveNumber)
    .option('--device <name>', 'where to train; `cria devices` lists them', 'auto')
    .option('--threads <n>', 'threads of the device simd; default: one for each core', positiveNumber)
    .action((flags: Flags) => train(flags, signal))
}

const train = async (flags: Flags, signal: AbortSignal): Promise<void> => {
  if (flags.threads !== undefined && flags.device !== 'simd' && flags.device !== 'auto')
    throw new UsageError(`--threads is for the device simd, and this is ${flags.device}: leave it out`)
  if (flags.device === 'shape')
    throw new UsageError('--device is shape, which computes nothing: `cria devices` lists those that run models')
  const { openRun } = await import('../training')
  const { runTraining } = await import('@cria/training/node')
  const opened = await openRun(flags, signal, ({ source, documents, tokens }) => {
    if (process.stderr.isTTY) process.stderr.write(`\rtokenized ${source}: ${documents} documents, ${tokens} tokens`)
  })
  extendGrace(SAVING_MS)
  const { run, close } = opened
  const sources = run.data.sources.map(({ name }) => name)
  const screen = new Screen(sources, run.config.training.batchTokens)
  console.error(`device ${run.model.device.name}: ${run.model.device.description}`)
  try {
    const resume = flags.resume !== undefined
    for await (const event of runTraining(run, { resume, steps: flags.steps, signal })) screen.show(event)
  } finally {
    screen.end()
    await close()
  }
}

/** Milliseconds between lines, if standard error is not a terminal. */
const LINE_EVERY = 10_000

/** A progress bar with the numbers of the last step on a terminal; elsewhere a line from time to time. */
class Screen {
  readonly #bar = new SingleBar(
    {
      format: '{bar} step {value}/{total}{figures}',
      barsize: 12,
      stream: process.stderr,
      hideCursor: null,
      linewrap: null,
      gracefulExit: false,
      clearOnComplete: false,
      stopOnComplete: false,
    },
    Presets.shades_classic,
  )
  readonly #rows: number[]
  readonly #speeds: number[] = []
  #total = 0
  #started = false
  #lineAt = 0

  constructor(
    private readonly sources: readonly string[],
    private readonly batchTokens: number,
  ) {
    this.#rows = sources.map(() => 0)
  }

  show(event: RunEvent): void {
    if (event.kind === 'begun') {
      this.#total = event.steps
      this.#say(`${event.parameters.toLocaleString('en-US')} parameters, step ${event.step} of ${event.steps}`)
    } else if (event.kind === 'step') this.#step(event)
    else if (event.kind === 'evaluation') {
      const { step, nats, bitsPerByte, perplexity, documents } = event
      const figures = `${nats.toFixed(4)} nats a token, ${bitsPerByte.toFixed(4)} bits per byte, perplexity ${perplexity.toFixed(2)}`
      this.#say(`step ${step}, held out (${documents} documents): ${figures}`)
    } else if (event.kind === 'samples')
      for (const { prompt, text } of event.samples) this.#say(`step ${event.step}, sample: ${oneLine(prompt + text)}`)
    else if (event.kind === 'saved') this.#say(`saved ${event.folder}`)
    else this.#say(event.text)
  }

  end(): void {
    if (this.#started) this.#bar.stop()
    this.#started = false
  }

  #step(event: Extract<RunEvent, { kind: 'step' }>): void {
    const { step, loss, learningRate, gradientNorm, tokens, seconds, sourceRows } = event
    for (const [i, rows] of sourceRows.entries()) this.#rows[i] += rows
    this.#speeds.push(tokens / seconds)
    if (this.#speeds.length > 50) this.#speeds.shift()
    const speed = this.#speeds.length / this.#speeds.reduce((sum, one) => sum + 1 / one, 0)
    const left = ((this.#total - step) * this.batchTokens) / speed
    const all = this.#rows.reduce((sum, rows) => sum + rows, 0)
    const shares = this.sources.map((name, i) => `${name} ${((100 * this.#rows[i]) / all).toFixed(1)}%`)
    const figures = [
      `loss ${loss.toFixed(4)}`,
      `lr ${learningRate.toExponential(2)}`,
      `norm ${gradientNorm.toFixed(3)}`,
      `${Math.round(speed)} tokens/s`,
      shares.join(' '),
      `${duration(left)} left`,
    ].join(', ')
    if (process.stderr.isTTY) {
      if (!this.#started) this.#bar.start(this.#total, step, { figures: `, ${figures}` })
      this.#started = true
      this.#bar.update(step, { figures: `, ${figures}` })
    } else if (Date.now() >= this.#lineAt || step === this.#total) {
      this.#lineAt = Date.now() + LINE_EVERY
      console.error(`step ${step}/${this.#total}, ${figures}`)
    }
  }

  /** Writes a line above the bar. */
  #say(text: string): void {
    if (this.#started) process.stderr.write('\r\u001b[2K')
    console.error(text)
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Seconds as `3h 05m` or `4m 10s`. */
const duration = (seconds: number): string => {
  const whole = Math.round(seconds)
  const padded = (value: number) => String(value).padStart(2, '0')
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h ${padded(Math.floor(whole / 60) % 60)}m`
  return `${Math.floor(whole / 60)}m ${padded(whole % 60)}s`
}
