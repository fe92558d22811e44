/** A fenced block of a Markdown file. */
export interface CodeBlock {
  code: string
  /** Line of its first line of code in the file, from 1. */
  line: number
  /** Whether its words say `no-run`: it needs data or a network, and is checked for types only. */
  run: boolean
}

/**
 * The blocks of a Markdown text that are fenced as `language`. In this project they are complete programs.
 * Any other word than `no-run` after the language is an error, so that a typo cannot skip an example.
 */
export function codeBlocks(markdown: string, language: string): CodeBlock[] {
  return [...markdown.matchAll(/^(`{3,})([^\n]*)\n(.*?)^\1$/gms)].flatMap(({ 2: info, 3: code, index }) => {
    const [tag, ...words] = info.trim().split(/\s+/)
    if (tag !== language) return []
    const line = markdown.slice(0, index).split('\n').length + 1
    const unknown = words.filter(word => word !== 'no-run')
    if (unknown.length > 0)
      throw new Error(`line ${line - 1}: \`${unknown.join(' ')}\` after ${language}: only no-run is known`)
    return [{ code, line, run: words.length === 0 }]
  })
}
