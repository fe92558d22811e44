import { writeFile } from 'node:fs/promises'
import { Argument, type Command, InvalidArgumentError } from 'commander'
import type { Device } from 'cria'
import { number, positiveNumber } from '../arguments'
import { UsageError } from '../errors'
import type { Findings } from '../experiments'
import { extendGrace } from '../interrupt'
import { write } from '../standard-streams'
import { table } from '../table'

interface Flags {
  readonly text?: readonly string[]
  readonly tokenizer?: string
  readonly seeds?: number
  readonly hours?: number
  readonly steps: number
  readonly batch: number
  readonly lr: number
  readonly html?: string
  readonly device: 'auto'
  readonly threads?: number
}

/** Time to write tables and page of the seeds that were whole, after Ctrl-C. */
const TELLING_MS = 10_000

const names = ['heads', 'feed-forward', 'norm', 'rope']

/** `cria experiment`: the effect of LLaMA's parts, on small models and by arithmetic. */
export const addExperiment = (program: Command, signal: AbortSignal): void => {
  program
    .command('experiment')
    .description("compare LLaMA's parts with what they replaced: tables with 95% intervals, and a page with plots")
    .addArgument(new Argument('<name>', 'what to compare').choices(names))
    .option('--text <file...>', 'text to train small models on; without it, only what needs no training is measured')
    .option('--tokenizer <path>', 'default: one of 1,024 pieces is trained on the text')
    .option('--seeds <n>', 'the most seeds; default: 2, or as many as --hours allows', positiveNumber)
    .option('--hours <x>', 'after the first seed, begin none that would end after x hours', hours)
    .option('--steps <n>', 'steps of each model', positiveNumber, 300)
    .option('--batch <n>', 'tokens of a step', positiveNumber, 2048)
    .option('--lr <x>', 'peak of the learning rate', number, 0.003)
    .option('--html <file>', 'write a page with plots')
    .option('--device <name>', 'where to run; `cria devices` lists them', 'auto')
    .option('--threads <n>', 'threads of the device simd; default: one for each core', positiveNumber)
    .action((name: string, flags: Flags) => run(name, flags, signal))
}

const hours = (text: string): number => {
  const value = number(text)
  if (value <= 0) throw new InvalidArgumentError('Expected a number of hours above 0.')
  return value
}

const run = async (name: string, flags: Flags, signal: AbortSignal): Promise<void> => {
  const { threads, html, text, tokenizer, hours = Infinity, steps } = flags
  const seeds = flags.seeds ?? (Number.isFinite(hours) ? Infinity : 2)
  if (tokenizer !== undefined && text === undefined)
    throw new UsageError('--tokenizer is for --text: give both, or leave it out')
  const { openDevice } = await import('cria')
  const { experiments } = await import('../experiments')
  extendGrace(TELLING_MS)
  await using device = await openDevice(flags.device, threads === undefined ? {} : { threads })
  console.error(`device ${device.name}: ${device.description}`)
  const found = await experiments[name]({
    ...{ device, text, tokenizer, seeds, steps, signal, batchTokens: flags.batch, learningRate: flags.lr },
    deadline: performance.now() + 3.6e6 * hours,
    onTrained: ({ variant, seed, score, seconds }) =>
      console.error(`${variant}, seed ${seed}: ${score.toFixed(4)} bits per byte, ${seconds.toFixed(0)} s`),
  })
  await write(`${found.title}\n`)
  for (const { title, columns, rows } of found.tables) await write(`\n${title}\n${table([columns, ...rows])}`)
  await write(`\n${found.notes.join('\n')}\n`)
  if (html !== undefined) await writePage(html, found, device)
  if (found.stopped !== undefined) throw found.stopped
}

const writePage = async (path: string, found: Findings, device: Device): Promise<void> => {
  const { htmlOf } = await import('@cria/training/node')
  const about = [
    `cria experiment ${process.argv.slice(3).join(' ')}`,
    `${device.name}, ${device.description}, ${new Date().toISOString().slice(0, 10)}`,
  ]
  await writeFile(path, htmlOf({ ...found, about, texts: [] }))
}
