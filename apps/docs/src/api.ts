import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'
import { load as markdown } from 'typedoc-plugin-markdown'
import { apiPage, libraries, repository, root } from './packages'

/**
 * Writes a Markdown page of the API of every import of the published packages, from their sources.
 *
 * @param folder the folder of the pages; what was in it is removed
 */
export async function writeApi(folder: string): Promise<void> {
  // A name that several packages export is documented in the first: the main package comes last.
  const entries = [...libraries]
    .sort((a, b) => Number(a.name === 'cria') - Number(b.name === 'cria'))
    .flatMap(library => library.entries)
  const application = await Application.bootstrapWithPlugins({
    plugin: [markdown],
    entryPoints: entries.map(({ source }) => source),
    tsconfig: fileURLToPath(new URL('../tsconfig.api.json', import.meta.url)),
    out: folder,
    basePath: root,
    // `pnpm typecheck` checks the types.
    skipErrorChecking: true,
    logLevel: 'Error',
    excludePrivate: true,
    readme: 'none',
    disableGit: true,
    // With `disableGit`, paths start from the folder that holds all of the sources.
    sourceLinkTemplate: `${repository}/blob/main/packages/{path}#L{line}`,
    // Members of the language, such as those of `Error`, are left out.
    excludeExternals: true,
    ...{ router: 'module', entryFileName: 'index.md', hidePageHeader: true, hideBreadcrumbs: true },
    ...{ parametersFormat: 'table', interfacePropertiesFormat: 'table', propertyMembersFormat: 'table' },
    ...{ typeDeclarationFormat: 'table', tableColumnSettings: { hideSources: true, hideInherited: true } },
    // VitePress would read `<` and `{{` as Vue.
    ...{ useHTMLEncodedBrackets: true, sanitizeComments: true },
  })
  const project = await application.convert()
  if (!project) throw new Error('typedoc could not read the packages: its errors are above')
  const sources = new Map(entries.map(({ name, source }) => [source, name]))
  for (const module of project.children ?? []) {
    const source = module.sources?.[0]?.fullFileName ?? ''
    const name = sources.get(source)
    if (!name) throw new Error(`no package exports ${source || module.name}`)
    module.name = name
  }
  await application.generateOutputs(project)
  writeFileSync(join(folder, 'index.md'), overview)
}

/** The first page: what each package is, and its imports. */
const overview = `# The packages

Every package is useful alone. The pages list what each exports, from its sources.

| import | what it is |
|---|---|
${libraries
  .flatMap(({ entries, description }) =>
    entries.map(({ name }) => `| [\`${name}\`](${apiPage(name)}) | ${description} |`),
  )
  .join('\n')}
`
