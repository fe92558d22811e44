import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const source = fileURLToPath(new URL('../src', import.meta.url))

/** The modules that a file imports, itself included, and what they import from elsewhere. */
const imports = (path: string, seen = new Set<string>(), outside = new Set<string>()) => {
  if (seen.has(path)) return outside
  seen.add(path)
  for (const [, name] of readFileSync(path, 'utf8').matchAll(/from '([^']+)'|import\('([^']+)'\)/g)) {
    if (name.startsWith('.')) imports(`${join(dirname(path), name)}.ts`, seen, outside)
    else outside.add(name)
  }
  return outside
}

test('the main entry needs nothing of Node; the node entry does', () => {
  expect([...imports(join(source, 'index.ts'))]).toEqual(['@cria/dtypes'])
  expect([...imports(join(source, 'node.ts'))].every(name => name.startsWith('node:') || name === '@cria/dtypes')).toBe(
    true,
  )
  expect(imports(join(source, 'node.ts')).size).toBeGreaterThan(0)
})
