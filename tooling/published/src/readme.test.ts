import { expect, test } from 'vitest'
import { codeBlocks } from './readme'

const readme = `# Title

\`\`\`ts
const a = 1
\`\`\`

Text, and \`inline\`.

\`\`\`sh
npm install
\`\`\`

\`\`\`ts no-run
await fetch('x')

// the end
\`\`\`

\`\`\`\`ts
const fence = '
\`\`\`
'
\`\`\`\`
`

test('the blocks of a language come with their lines and whether they run', () => {
  expect(codeBlocks(readme, 'ts')).toEqual([
    { code: 'const a = 1\n', line: 4, run: true },
    { code: "await fetch('x')\n\n// the end\n", line: 14, run: false },
    { code: "const fence = '\n```\n'\n", line: 20, run: true },
  ])
  expect(codeBlocks(readme, 'sh')).toMatchObject([{ code: 'npm install\n' }])
  expect(codeBlocks('no blocks', 'ts')).toEqual([])
})

test('an unknown word is an error', () => {
  expect(() => codeBlocks('```ts norun\n```\n', 'ts')).toThrow('line 1: `norun` after ts')
})
