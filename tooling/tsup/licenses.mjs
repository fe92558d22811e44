import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

export const noticeFile = 'THIRD-PARTY-LICENSES.txt'

const preface = `The files in this folder contain code of the packages below, each under its own license.\n`
const rule = `\n${'-'.repeat(80)}\n\n`

/**
 * Writes `THIRD-PARTY-LICENSES.txt` beside the bundle: the license of every package whose code is in it, by name.
 * A bundle of the project's own code gets no such file.
 */
export const licenses = () => ({
  name: 'licenses',
  setup(build) {
    build.initialOptions.metafile = true
    build.onEnd(async ({ metafile }) => {
      if (!metafile) return // the build failed
      const { absWorkingDir = process.cwd(), outdir } = build.initialOptions
      const inputs = Object.values(metafile.outputs).flatMap(output => Object.keys(output.inputs))
      const notices = noticesOf(inputs.map(input => resolve(absWorkingDir, input)))
      if (notices === '') return
      await mkdir(outdir, { recursive: true })
      await writeFile(join(outdir, noticeFile), notices)
    })
  },
})

/**
 * The notices of the packages that these files come from, sorted by name and version; empty for files of the project itself.
 *
 * @param {readonly string[]} files absolute paths
 * @throws Error for a package without a license text
 */
export const noticesOf = files => {
  const homes = new Map()
  for (const file of [...new Set(files)].sort()) {
    if (!file.includes('/node_modules/')) continue
    const home = homeOf(file)
    homes.set(home, [...(homes.get(home) ?? []), ...commentsOfLicense(readFileSync(file, 'utf8'))])
  }
  const notices = [...homes].map(([home, comments]) => {
    const { name, version, license } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    const texts = readdirSync(home).filter(file => /^(licen[cs]e|copying|notice)/i.test(file))
    if (texts.length === 0) throw new Error(`${name} ${version} has no license file, and its code is in the bundle`)
    const text = texts.sort().map(file => readFileSync(join(home, file), 'utf8').replaceAll('\r\n', '\n').trim())
    return `${name} ${version} (${license})\n\n${[...text, ...comments].join('\n\n')}\n`
  })
  return notices.length === 0 ? '' : [preface, ...new Set(notices.sort())].join(rule)
}

/** Licenses in comments: a package may hold files of other people, with their license at the top. */
const commentsOfLicense = text =>
  [...text.matchAll(/\/\*.*?\*\//gs)]
    .map(([comment]) => comment.replace(/^\/\*+|\*\/$/g, '').replace(/^ ?\*? ?/gm, ''))
    .filter(comment => /^\s*Copyright\b/m.test(comment))
    .map(comment =>
      comment
        .slice(comment.search(/^(.*\bLicen[cs]e|Copyright\b.*)$/im))
        .replace(/[ \t]+$/gm, '')
        .trim(),
    )

/** The folder of the package that a file belongs to: the nearest with a manifest that has a name and a version. */
const homeOf = file => {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (!existsSync(path)) continue
    const { name, version } = JSON.parse(readFileSync(path, 'utf8'))
    if (name && version) return folder
  }
  throw new Error(`${file} is in no package`)
}
