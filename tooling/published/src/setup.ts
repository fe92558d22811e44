import type { TestProject } from 'vitest/node'
import { UserProject } from './project'

declare module 'vitest' {
  interface ProvidedContext {
    /** See `userProject`. */
    readonly folder: string
    readonly tarballs: [name: string, path: string][]
  }
}

/** Packs and installs the packages, once for all tests of `@cria/published`. */
export default async ({ provide }: TestProject): Promise<() => void> => {
  const project = await UserProject.create()
  provide('folder', project.folder)
  provide('tarballs', [...project.tarballs])
  return () => project.remove()
}
