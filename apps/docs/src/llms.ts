import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Figures } from './figures'
import { contents } from './sidebar'

const intro = `# Cria

> LLaMA and LLaMA 2 in TypeScript, as small packages that compose into a model. It reads checkpoints as they are, generates and
> chats in Node and in browsers, and trains. Every \`ts\` block of these pages that is not tagged \`no-run\` is a program that the
> tests run.
`

/** A page as plain text: a figure becomes its caption and its description. */
export const plainText = (markdown: string, figures: Figures): string =>
  markdown
    .replace(/^---\n.*?\n---\n+/s, '')
    .replace(/^```figure (\S+)\n(.*?)^```$/gms, (_, name: string, caption: string) => {
      return `Figure: ${caption.trim()} ${figures.get(name)?.description ?? ''}`.trim()
    })

/**
 * Writes the site for language models, into the built site: every page as Markdown beside its HTML, `llms.txt`, which lists them, and
 * `llms-full.txt`, which has all of them but the API.
 */
export function writeTexts(pages: string, outDir: string, figures: Figures): void {
  const sections = contents().map(({ text, items }) => ({
    text,
    items: items.map(({ text, link }) => {
      const file = `${link.replace(/\/$/, '/index')}.md`
      return { text, file, markdown: plainText(readFileSync(join(pages, file), 'utf8'), figures) }
    }),
  }))
  for (const { file, markdown } of sections.flatMap(({ items }) => items)) {
    mkdirSync(dirname(join(outDir, file)), { recursive: true })
    writeFileSync(join(outDir, file), markdown)
  }
  const list = sections.map(
    ({ text, items }) => `## ${text}\n\n${items.map(item => `- [${item.text}](${item.file})`).join('\n')}\n`,
  )
  writeFileSync(join(outDir, 'llms.txt'), [intro, ...list].join('\n'))
  const written = sections.filter(({ text }) => text !== 'API').flatMap(({ items }) => items)
  writeFileSync(join(outDir, 'llms-full.txt'), [intro, ...written.map(({ markdown }) => markdown)].join('\n\n'))
}
