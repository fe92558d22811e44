import { parse, tokenize } from '@huggingface/jinja'
import { ChatTemplateError } from '../errors'
import type { Node } from './library'

/** A parsed template. */
export interface Program {
  readonly root: Node
  /** The nodes whose values are written to the output, and not those inside of expressions. */
  readonly outputs: ReadonlySet<Node>
  /** How many nodes a macro or call block holds: the library walks all of them each time it meets one. */
  readonly sizes: ReadonlyMap<Node, number>
  /** The template, and its string literals that have escapes. */
  readonly texts: readonly string[]
}

const MAX_LENGTH = 1 << 18
/** The library's search for white space before tags takes time by the square of a run. */
const LONG_SPACE = /\s{1000}/

/** @throws ChatTemplateError of problem `syntax` */
export const parseTemplate = (source: string): Program => {
  if (source.length > MAX_LENGTH)
    throw new ChatTemplateError(
      'syntax',
      `the chat template has ${source.length} characters: expected at most ${MAX_LENGTH}`,
    )
  if (LONG_SPACE.test(source))
    throw new ChatTemplateError('syntax', 'the chat template has a run of 1000 spaces or line ends: shorten it')
  try {
    // As transformers sets them.
    const root = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })) as unknown as Node
    return examine(root, source)
  } catch (error) {
    const what = error instanceof RangeError ? 'it is nested too deep' : (error as Error).message
    throw new ChatTemplateError(
      'syntax',
      `the chat template is not Jinja, or of a kind that is not supported: ${what}`,
      {
        cause: error,
      },
    )
  }
}

const blocks = ['body', 'alternate', 'defaultBlock'] as const

const examine = (root: Node, source: string): Program => {
  const outputs = new Set<Node>()
  const sizes = new Map<Node, number>()
  const texts = [source]

  const visit = (value: unknown): number => {
    if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + visit(item), 0)
    if (value instanceof Map) return [...value].reduce((sum, entry) => sum + visit(entry), 0)
    if (typeof value !== 'object' || value === null || !('type' in value)) return 0
    const node = value as Node
    if (node.type === 'StringLiteral') texts.push(String(node.value))
    for (const block of blocks) {
      const body = node[block]
      if (Array.isArray(body)) for (const item of body as Node[]) outputs.add(item)
    }
    const size = Object.values(node).reduce<number>((sum, member) => sum + visit(member), 1)
    if (node.type === 'Macro' || node.type === 'CallStatement') sizes.set(node, size)
    return size
  }

  visit(root)
  return { root, outputs, sizes, texts }
}
