import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { cria, data, hasData } from './cria'

const folder = mkdtempSync(join(tmpdir(), 'cria-chat-'))
afterAll(() => rmSync(folder, { recursive: true }))

const model = ['--model', data('stories260K/stories260K.gguf'), '--device', 'cpu', '--template', 'llama2']
const flags = ['chat', ...model, '--max-tokens', '8', '--temperature', '0']
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

test('without a model, one line says what to give: the built-in model cannot chat', async () => {
  const { code, stdout, stderr } = await cria(['chat', '--device', 'cpu'], 'Hello\n')
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toContain('the built-in model has no chat template')
  expect(stderr).toContain('or a chat model with --model')
})

describe.skipIf(!hasData)('cria chat', () => {
  test('answers the lines of a pipe, and obeys its commands', async () => {
    const file = join(folder, 'saved.json')
    const input = `Hello\n/system Be brief.\n/nothing\nAnd now?\n/save ${file}\n/reset\n/exit\nnever read\n`
    const { code, stdout, stderr } = await cria([...flags, '--stats'], input)
    expect(code, stderr).toBe(0)
    expect(stdout.trimEnd().split('\n').length).toBeGreaterThanOrEqual(2)
    expect(stderr).toContain('there is no command /nothing')
    expect(stderr.match(/ended because/g)).toHaveLength(2)
    const { messages } = JSON.parse(readFileSync(file, 'utf8'))
    expect(messages.map(({ role }: { role: string }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
      'assistant',
    ])
  })

  test('a model without a template is refused, and the error says what to give', async () => {
    const { code, stderr } = await cria(['chat', ...model.slice(0, -2)], 'Hello\n')
    expect(code).toBe(2)
    expect(stderr).toContain('has no chat template: give --template (llama2, chatml, llama3 or Jinja)')
  })

  // `script` gives the command its own terminal.
  test.skipIf(!existsSync('/usr/bin/script'))(
    'on a terminal: two turns, Ctrl-C in an answer, history, exit; Ctrl-C twice leaves',
    { timeout: 300_000, retry: 3 }, // keys and output of a terminal cross each other on a busy machine
    async () => {
      const command = [process.execPath, main, ...flags.slice(0, -4), '--max-tokens', '400', '--temperature', '0']
      const openChat = () => {
        const child = spawn('/usr/bin/script', ['-qec', command.map(part => `'${part}'`).join(' '), '/dev/null'], {
          env: { ...process.env, XDG_STATE_HOME: folder, TERM: 'xterm' },
        })
        let screen = ''
        child.stdout.setEncoding('utf8').on('data', text => (screen += text))
        const until = async (what: RegExp) => {
          for (let turn = 0; !what.test(stripVTControlCharacters(screen)); turn++) {
            if (turn === 2000) {
              child.kill('SIGKILL')
              throw new Error(`waited for ${what} in vain: ${JSON.stringify(screen)}`)
            }
            await new Promise(resolve => setTimeout(resolve, 20))
          }
          screen = ''
        }
        return { child, until, ended: new Promise(resolve => child.on('close', resolve)) }
      }
      const { child, until, ended } = openChat()
      await until(/> $/)
      child.stdin.write('Once upon a time\r')
      await until(/Once upon a time\r*\n[\s\S]{20}/)
      child.stdin.write('\x03') // Ctrl-C: the answer ends, the chat continues
      await until(/> $/)
      child.stdin.write('And then\r')
      await until(/And then\r*\n[\s\S]{20}/)
      child.stdin.write('\x03')
      await until(/> $/)
      child.stdin.write('\x1b[A') // the line before
      await until(/And then/)
      child.stdin.write('\x15/exit\r')
      expect(await ended).toBe(0)
      expect(readFileSync(join(folder, 'cria', 'chat-history'), 'utf8')).toContain('Once upon a time\nAnd then\n')
      const again = openChat()
      await again.until(/> $/)
      again.child.stdin.write('\x1b[A\x1b[A') // the line before /exit, of the chat before
      await again.until(/And then/)
      again.child.stdin.write('\r')
      await again.until(/\n[\s\S]{20}/)
      again.child.stdin.write('\x03')
      await again.until(/> $/)
      again.child.stdin.write('\x03') // a second Ctrl-C leaves
      expect(await again.ended).toBe(0)
    },
  )
})
