import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { environment } from './setup.mjs'

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
