import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { equation } from '../src/math'
import { libraries, root } from '../src/packages'
import { contents, pages } from '../src/sidebar'

const written = ['guides', 'papers'].flatMap(folder =>
  readdirSync(join(pages, folder)).map(file => {
    const path = `${folder}/${file.replace(/\.md$/, '')}`
    return { path, text: readFileSync(join(pages, folder, file), 'utf8') }
  }),
)

const entries = libraries.flatMap(library => library.entries.map(({ name }) => `/api/${name}`))
const links = new Set([
  ...written.map(({ path }) => `/${path.replace(/index$/, '')}`),
  ...entries,
  '/api/',
  '/benchmarks',
])

/** Targets of the links of a Markdown text. */
const linksOf = (text: string) => Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target)

test.each(written)('the links of $path are valid', ({ path, text }) => {
  for (const target of linksOf(text)) {
    const inRepository = /^https:\/\/github\.com\/cria-js\/cria\/(?:blob|tree)\/main\/([^#]+)/.exec(target)?.[1]
    if (inRepository) expect(existsSync(join(root, inRepository)), target).toBe(true)
    else if (!/^(https:|#)/.test(target)) {
      const { pathname } = new URL(target, `https://site/${path}`)
      expect([...links], `${path}: ${target}`).toContain(pathname)
    }
  }
})

test('every page is in the sidebar', () => {
  const listed = contents().flatMap(({ items }) => items.map(({ link }) => link))
  for (const { path } of written) expect(listed).toContain(`/${path.replace(/index$/, '')}`)
})

test('every page of a paper has an equation, a figure, and a file of the repository', () => {
  for (const { path, text } of written.filter(({ path }) => /^papers\/(?!index)/.test(path))) {
    expect(text, path).toMatch(/^```math$/m)
    expect(text, path).toMatch(/^```figure [\w-]+$/m)
    expect(text, path).toMatch(/cria\/blob\/main\/packages\/\S+\.ts\)/)
  }
})

test('an equation is MathML, and one with a mistake is an error', () => {
  expect(equation('\\frac{a}{b}')).toContain('<mfrac>')
  expect(() => equation('\\frac{a}{')).toThrow()
})
