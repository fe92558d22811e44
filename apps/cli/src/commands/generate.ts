import { checkGenerateTextOptions, type GenerationStats } from '@cria/sampling'
import type { Command } from 'commander'
import type { GenerateOptions, Model } from 'cria'
import { positiveNumber } from '../arguments'
import { addGenerationOptions, generationOptionsOf } from '../generation-options'
import { addModelOptions, type ModelFlags, withDraft, withModel } from '../model'
import { writeProfile } from '../profile'
import { readInput, write } from '../standard-streams'
import { summary } from '../summary'

interface Flags extends ModelFlags {
  readonly prompt: string
  readonly n?: number
  readonly echo?: true
  readonly json?: true
  readonly profile?: true
}

/** `cria generate`: the text that follows a prompt, on standard output as it comes. */
export const addGenerate = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('generate')
    .description('write the text that follows a prompt')
    .option('--prompt <text>', '`-` reads it from standard input, without its last line end', '')
    .option('--n <n>', 'write n texts, one after the other; the prompt is computed once', positiveNumber)
    .option('--echo', 'write the prompt too')
    .option('--json', 'write one JSON object for each text: the text, its ids, seed, device and speed')
    .option('--profile', 'at the end, write the time of each op to standard error')
  addModelOptions(addGenerationOptions(command)).action((flags: Flags) => generate(flags, signal))
}

/** The note about the model, if none was named. */
const ownModel =
  'model: the small built-in one, trained by Cria (@cria/model-stories); choose another with --model PATH, URL or hf:OWNER/NAME'

const generate = async (flags: Flags, signal: AbortSignal): Promise<void> => {
  const { draft, ...options } = generationOptionsOf(flags)
  // Read the prompt before a large model is loaded.
  checkGenerateTextOptions({ ...options, ...(draft === 'prompt' ? { draft } : {}) })
  const prompt = flags.prompt === '-' ? (await readInput(signal)).replace(/\r?\n$/, '') : flags.prompt
  await withModel(flags, signal, model =>
    withDraft(draft, flags, signal, async drafter => {
      console.error(`device ${model.device.name}: ${model.device.description}`)
      using profile = flags.profile ? model.profile() : undefined
      await writeTexts(model, prompt, flags, { ...options, ...(drafter && { draft: drafter }), signal })
      if (profile) writeProfile(profile.rows)
      if (flags.model === undefined) console.error(ownModel)
    }),
  )
}

const writeTexts = async (model: Model, prompt: string, flags: Flags, options: GenerateOptions): Promise<void> => {
  if (flags.n !== undefined && flags.n > 1) return writeBatch(model, prompt, flags, options)
  const ids: number[] = []
  const generation = model.generate(prompt, { ...options, onToken: ({ id }) => void ids.push(id) })
  const before = flags.echo ? prompt : ''
  if (flags.json) {
    const text = before + (await generation.text)
    await writeJson({ ...generation, text, ids, device: model.device.name })
  } else {
    try {
      await write(before)
      for await (const piece of generation) await write(piece)
    } finally {
      await write('\n')
    }
  }
  console.error(summary(generation))
}

/** Several texts are generated in parallel, and each is written when it is complete. */
const writeBatch = async (model: Model, prompt: string, flags: Flags, options: GenerateOptions): Promise<void> => {
  const { session, ...own } = options
  const batch = model.generateBatch([prompt], { ...own, n: flags.n })
  const texts = (await batch.all).map(pieces => (flags.echo ? prompt : '') + pieces.join(''))
  for (const [i, text] of texts.entries()) {
    if (flags.json) await writeJson({ text, ...batch.answers[i], device: model.device.name })
    else await write(`${text}\n`)
    console.error(summary(batch.answers[i]))
  }
}

const writeJson = async ({
  text,
  ids,
  seed,
  finishReason,
  stats,
  device,
}: {
  readonly text: string
  readonly ids?: readonly number[]
  readonly seed: number
  readonly finishReason: string | undefined
  readonly stats: Readonly<GenerationStats>
  readonly device: string
}): Promise<void> => {
  await write(`${JSON.stringify({ text, ids, finishReason, seed, device, ...stats })}\n`)
}
