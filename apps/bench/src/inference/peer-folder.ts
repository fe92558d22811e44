import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ResolvedConfig } from '@cria/llama'
import { UsageError } from '../errors'

/** A folder in which an option names a model as a peer loads it. */
export class PeerFolder {
  readonly path: string
  readonly #given: string

  /** @param option for errors */
  constructor(path: string, option: string) {
    this.path = resolve(path)
    this.#given = `${option} ${path}`
  }

  /** @throws UsageError always */
  refuse(problem: string): never {
    throw new UsageError(`${this.#given}: ${problem}`)
  }

  /** @throws UsageError unless the file is there and is JSON; a value that is not an object counts as an empty one */
  async readJson(name: string): Promise<Readonly<Record<string, unknown>>> {
    const text = await readFile(join(this.path, name), 'utf8').catch(() => this.refuse(`it has no ${name}`))
    try {
      return Object(JSON.parse(text))
    } catch {
      return this.refuse(`its ${name} is not valid JSON`)
    }
  }

  /**
   * Only the same work is compared.
   * @param found sizes by their names in Hugging Face's config
   * @throws UsageError unless they are those of `config`
   */
  requireSizes(found: Readonly<Record<string, unknown>>, config: ResolvedConfig): void {
    for (const [name, size] of Object.entries(sizesOf(config)))
      if (found[name] !== size)
        this.refuse(
          `it is another model: its ${name} is ${JSON.stringify(found[name])}, and that of --model is ${size}`,
        )
  }
}

const sizesOf = (config: ResolvedConfig): Readonly<Record<string, number>> => ({
  hidden_size: config.dim,
  intermediate_size: config.hidden_dim,
  num_hidden_layers: config.n_layers,
  num_attention_heads: config.n_heads,
  num_key_value_heads: config.n_kv_heads,
  vocab_size: config.vocab_size,
})
