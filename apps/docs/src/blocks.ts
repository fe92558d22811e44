import type { MarkdownRenderer } from 'vitepress'
import type { Figures } from './figures'
import { equation } from './math'

/**
 * Two more kinds of fenced blocks: `math`, an equation in TeX, and `figure NAME`, a picture that the packages computed, with its
 * caption as the body.
 */
export function blocks(markdown: MarkdownRenderer, figures: Figures): void {
  const { fence } = markdown.renderer.rules
  if (!fence) throw new Error('this Markdown renderer has no fenced blocks')
  markdown.renderer.rules.fence = (tokens, index, options, env, self) => {
    const { info, content } = tokens[index]
    const [kind, name] = info.trim().split(/\s+/)
    if (kind === 'math') return equation(content)
    if (kind !== 'figure') return fence(tokens, index, options, env, self)
    const figure = figures.get(name)
    if (!figure) throw new Error(`there is no figure "${name}", but ${[...figures.keys()].join(', ')}`)
    const caption = markdown.renderInline(content.trim().replaceAll('\n', ' '), env)
    return `<figure class="picture" v-pre>${figure.svg}<figcaption>${caption}</figcaption></figure>\n`
  }
}
