interface NodeProcess {
  readonly platform: string
  readonly pid: number
  readonly version: string
  readonly env: Record<string, string | undefined>
  getBuiltinModule?(name: string): unknown
}

interface NodeModule {
  createRequire(from: string): (name: string) => unknown
}

export const nodeProcess = (): NodeProcess | undefined => (globalThis as { process?: NodeProcess }).process

/** A module of Node's own; undefined elsewhere. Bundlers do not see it. */
export const nodeBuiltin = <M>(name: string): M | undefined => nodeProcess()?.getBuiltinModule?.(name) as M | undefined

/**
 * Loads an optional native package where there is Node; undefined elsewhere, and where the package is not installed.
 * Bundlers do not see it: a page's bundle asks for no native package.
 */
export const nodeRequire = (name: string): unknown => {
  const modules = nodeBuiltin<NodeModule>('node:module')
  if (!modules) return undefined
  try {
    return modules.createRequire(import.meta.url)(name)
  } catch {
    return undefined
  }
}
