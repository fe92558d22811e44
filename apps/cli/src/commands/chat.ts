import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline/promises'
import { checkGenerateTextOptions } from '@cria/sampling'
import type { Command } from 'commander'
import type { ChatSession, GenerateOptions, Model } from 'cria'
import { UsageError } from '../errors'
import { addGenerationOptions, generationOptionsOf } from '../generation-options'
import { addModelOptions, type ModelFlags, withModel } from '../model'
import { write } from '../standard-streams'
import { summary } from '../summary'

interface Flags extends ModelFlags {
  readonly system?: string
  readonly template?: string
  readonly stats?: true
}

const help = `/reset            forget what was said
/system [TEXT]    show the system message, or set it
/save FILE        write the chat as JSON
/help             show this
/exit             leave (so does Ctrl-D)
Ctrl-C stops an answer; a second one leaves.
`

/** `cria chat`: a conversation with a model, on a terminal or line by line through a pipe. */
export const addChat = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('chat')
    .description('chat with a model; with a pipe, each line is a message')
    .option('--system <text>', 'the system message')
    .option('--template <template>', "llama2, chatml, llama3 or Jinja; default: the model's own")
    .option('--stats', 'print the speed after each answer')
  addModelOptions(addGenerationOptions(command)).action((flags: Flags) => chat(flags, signal))
}

const chat = async (flags: Flags, signal: AbortSignal): Promise<void> => {
  const { draft, ...options } = generationOptionsOf(flags)
  if (draft !== undefined && draft !== 'prompt')
    throw new UsageError('--draft takes only `prompt` in a chat: `cria generate` takes a model too')
  checkGenerateTextOptions({ ...options, ...(draft && { draft }) })
  const model: ModelFlags = flags
  await withModel(model, signal, async loaded => {
    using session = startChat(loaded, flags)
    console.error(`device ${loaded.device.name}: ${loaded.device.description}`)
    await new Terminal(session, { ...options, ...(draft && { draft }) }, flags.stats === true, signal).run()
  })
}

/** @throws UsageError for a model that cannot chat: it has no template, and none was given */
const startChat = (model: Model, { template, system, model: path }: Flags): ChatSession => {
  if (template === undefined && !model.chatTemplates.has('default'))
    throw new UsageError(
      `${path ?? 'the built-in model'} has no chat template: give --template (llama2, chatml, llama3 or Jinja)${path === undefined ? ', or a chat model with --model' : ''}`,
    )
  return model.startChat({ template, system })
}

/** The largest number of lines in the history. */
const HISTORY = 500

const historyFile = (): string =>
  join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'cria', 'chat-history')

/** Asks for lines, answers them, and runs the commands that begin with a slash. */
class Terminal {
  readonly #lines: Interface
  readonly #isTerminal = process.stdin.isTTY === true
  #answering: AbortController | undefined

  constructor(
    private readonly chat: ChatSession,
    private readonly options: GenerateOptions,
    private readonly stats: boolean,
    private readonly signal: AbortSignal,
  ) {
    this.#lines = createInterface({
      input: process.stdin,
      ...(this.#isTerminal ? { output: process.stderr, historySize: HISTORY, removeHistoryDuplicates: true } : {}),
    })
  }

  async run(): Promise<void> {
    if (this.#isTerminal) {
      await this.#loadHistory()
      this.#lines.setPrompt('> ')
      // On a terminal, Ctrl-C is a key, not a signal.
      this.#lines.on('SIGINT', () => this.#interrupt())
      process.stderr.write('/help lists the commands.\n')
    }
    this.signal.addEventListener('abort', () => this.#lines.close(), { once: true })
    try {
      this.#prompt()
      for await (const line of this.#lines) {
        if (line === '/exit') break
        if (line.startsWith('/')) await this.#command(line)
        else if (line.trim() !== '') await this.#answer(line)
        this.#prompt()
      }
    } finally {
      this.#lines.close()
      if (this.#isTerminal) await this.#saveHistory()
    }
    this.signal.throwIfAborted()
  }

  #prompt(): void {
    if (this.#isTerminal) this.#lines.prompt()
  }

  /** Stops the answer. If no answer is being written, or it was stopped already, ends the chat. */
  #interrupt(): void {
    if (this.#answering && !this.#answering.signal.aborted) this.#answering.abort()
    else this.#lines.close()
  }

  async #answer(message: string): Promise<void> {
    const stop = new AbortController()
    this.#answering = stop
    const signal = AbortSignal.any([stop.signal, this.signal])
    const generation = this.chat.send(message, { ...this.options, signal })
    try {
      for await (const text of generation) await write(text)
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      this.#answering = undefined
      await write('\n')
    }
    if (this.stats) console.error(summary(generation))
  }

  async #command(line: string): Promise<void> {
    const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? []
    if (name === 'reset') this.chat.reset()
    else if (name === 'system') this.#system(rest)
    else if (name === 'save') await this.#save(rest)
    else if (name === 'help') process.stderr.write(help)
    else process.stderr.write(`there is no command /${name}: /help lists them\n`)
  }

  #system(text: string): void {
    if (text === '') process.stderr.write(`${this.chat.system ?? 'no system message'}\n`)
    else this.chat.system = text
  }

  async #save(path: string): Promise<void> {
    if (path === '') return void process.stderr.write('/save needs a file: /save chat.json\n')
    await writeWhole(path, `${JSON.stringify({ messages: this.chat.messages }, null, 2)}\n`)
    process.stderr.write(`saved ${this.chat.messages.length} messages to ${path}\n`)
  }

  async #loadHistory(): Promise<void> {
    const text = await readFile(historyFile(), 'utf8').catch(() => '')
    const history = text.split('\n').filter(line => line !== '')
    // The newest line comes first.
    Object.assign(this.#lines, { history: history.slice(-HISTORY).reverse() })
  }

  async #saveHistory(): Promise<void> {
    const { history } = this.#lines as unknown as { history: readonly string[] }
    try {
      await mkdir(dirname(historyFile()), { recursive: true })
      await writeWhole(historyFile(), `${history.toReversed().join('\n')}\n`)
    } catch (error) {
      process.stderr.write(`the history is not saved: ${(error as Error).message}\n`)
    }
  }
}

/** Writes a file under a temporary name and renames it when it is complete. */
const writeWhole = async (path: string, text: string): Promise<void> => {
  const beside = `${path}.${process.pid}.part`
  const file = await open(beside, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
}
