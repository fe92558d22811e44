import { writeFileSync } from 'node:fs'
import { defineConfig } from 'vitepress'
import { writeApi } from '../src/api'
import { benchmarksPage } from '../src/benchmarks'
import { blocks } from '../src/blocks'
import { drawFigures } from '../src/figures'
import { writeTexts } from '../src/llms'
import { repository } from '../src/packages'
import { contents, pages } from '../src/sidebar'

export default async () => {
  await writeApi(`${pages}/api`)
  writeFileSync(`${pages}/benchmarks.md`, benchmarksPage())
  const figures = await drawFigures()
  return defineConfig({
    title: 'Cria',
    description: 'LLaMA and LLaMA 2 in TypeScript, as small packages that compose into a model',
    lang: 'en',
    base: process.env.CRIA_DOCS_BASE ?? '/',
    srcDir: 'pages',
    outDir: 'dist',
    cacheDir: 'node_modules/.vitepress',
    cleanUrls: true,
    markdown: {
      theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
      config: markdown => blocks(markdown, figures),
    },
    themeConfig: {
      nav: [
        { text: 'Guides', link: '/guides/first-model', activeMatch: '/guides/' },
        { text: 'The papers', link: '/papers/', activeMatch: '/papers/' },
        { text: 'Benchmarks', link: '/benchmarks' },
        { text: 'API', link: '/api/', activeMatch: '/api/' },
      ],
      sidebar: contents().map(section => ({ ...section, items: [...section.items] })),
      search: { provider: 'local' },
      outline: { level: [2, 3] },
      socialLinks: [{ icon: 'github', link: repository }],
      editLink: { pattern: `${repository}/edit/main/apps/docs/pages/:path`, text: 'Edit this page' },
    },
    buildEnd: ({ outDir }) => writeTexts(pages, outDir, figures),
  })
}
