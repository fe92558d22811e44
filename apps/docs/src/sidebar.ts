import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { apiPage, libraries } from './packages'

export const pages = fileURLToPath(new URL('../pages', import.meta.url))

/** The committed pages, in the order in which they are read. */
const sections = [
  {
    text: 'Guides',
    files: [
      'guides/first-model',
      'guides/own-checkpoint',
      'guides/own-architecture',
      'guides/own-op',
      'guides/training',
      'guides/browser',
      'guides/threads',
      'guides/devices',
      'guides/formats',
      'guides/numbers',
    ],
  },
  {
    text: 'The papers, part by part',
    files: [
      'papers/index',
      'papers/mixture',
      'papers/tokenizer',
      'papers/rms-norm',
      'papers/swiglu',
      'papers/rotary',
      'papers/grouped-query-attention',
      'papers/training',
    ],
  },
] as const

/** A page: its title, and its path without an extension. */
export interface Page {
  readonly text: string
  readonly link: string
}

/** The first heading of a Markdown text. */
export const titleOf = (markdown: string): string => {
  const title = /^# (.+)$/m.exec(markdown)?.[1]
  if (!title) throw new Error(`a page has no title: ${markdown.slice(0, 80)}`)
  return title
}

/** All sections of the site, with the titles of their pages. */
export const contents = (): readonly { readonly text: string; readonly items: readonly Page[] }[] => [
  ...sections.map(({ text, files }) => ({
    text,
    items: files.map(file => ({
      text: titleOf(readFileSync(join(pages, `${file}.md`), 'utf8')),
      link: `/${file.replace(/index$/, '')}`,
    })),
  })),
  { text: 'Measured', items: [{ text: 'Benchmarks', link: '/benchmarks' }] },
  {
    text: 'API',
    items: libraries.flatMap(({ entries }) => entries.map(({ name }) => ({ text: name, link: apiPage(name) }))),
  },
]
