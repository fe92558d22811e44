import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { environment, root } from './setup.mjs'

/** Runs `requireNode` as if Node had a different version. */
function requireNodeAs(version) {
  const setup = new URL('./setup.mjs', import.meta.url).href
  const versions = `Object.defineProperty(process, 'versions', { value: { node: '${version}' } })`
  const code = `${versions}; (await import('${setup}')).requireNode()`
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
}

test.each(['18.20.8', '20.18.3'])('Node %s is refused in one line', version => {
  const { status, stdout, stderr } = requireNodeAs(version)
  expect(status).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toBe(`Cria needs Node 20.19 or newer, and this is Node ${version}: install a newer Node.\n`)
})

test.each(['20.19.0', '22.0.0'])('Node %s is accepted', version => {
  expect(requireNodeAs(version)).toMatchObject({ status: 0, stderr: '' })
})

test('flags of an npx around the command are not passed on', () => {
  const env = environment({
    PATH: '/bin',
    npm_config_package: 'node@26',
    npm_config_call: 'npm test',
    npm_config_proxy: 'p',
  })
  expect(env).toMatchObject({ npm_config_proxy: 'p' })
  expect(env).not.toHaveProperty('npm_config_package')
  expect(env).not.toHaveProperty('npm_config_call')
  expect(env.PATH.endsWith('/bin')).toBe(true)
})

test.skipIf(process.platform === 'win32').each(['start.mjs', 'test.mjs'])(
  '%s begins in a clone where nothing is installed: it asks npx for pnpm',
  script => {
    const clone = mkdtempSync(join(tmpdir(), 'cria-clone-'))
    onTestFinished(() => rmSync(clone, { recursive: true }))
    for (const file of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'])
      cpSync(join(root, file), join(clone, file))
    for (const folder of ['packages', 'apps', 'bin']) mkdirSync(join(clone, folder))
    cpSync(join(root, 'tooling/scripts'), join(clone, 'tooling/scripts'), { recursive: true })
    // This npx cannot install anything, and says what it is asked for.
    writeFileSync(join(clone, 'bin/npx'), '#!/bin/sh\necho "$@" >&2\nexit 3\n', { mode: 0o755 })
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(clone, 'tooling/scripts', script)], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${join(clone, 'bin')}:${process.env.PATH}` },
    })
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(stderr).toMatch(/^-y pnpm@10\.\d+\.\d+ install --frozen-lockfile /)
  },
)
