interface NodeProcess {
  getBuiltinModule?(name: string): { createRequire(from: string): (name: string) => unknown }
}

/**
 * Loads an optional native package where there is Node; undefined elsewhere, and where the package is not installed.
 * Bundlers do not see it: a page's bundle asks for no native package.
 */
export const nodeRequire = (name: string): unknown => {
  const { process } = globalThis as { process?: NodeProcess }
  const builtin = process?.getBuiltinModule?.('node:module')
  if (!builtin) return undefined
  try {
    return builtin.createRequire(import.meta.url)(name)
  } catch {
    return undefined
  }
}
