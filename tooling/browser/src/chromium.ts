import { existsSync } from 'node:fs'
import { type Browser, chromium as playwright } from 'playwright-core'

/** The browser that tests drive: `CRIA_CHROMIUM` if it is set, else Debian's; undefined where there is none, for `test.skipIf`. */
export const chromium = [process.env.CRIA_CHROMIUM ?? '/usr/bin/chromium'].find(path => existsSync(path))

/** Flags under which WebGPU runs on SwiftShader, Chromium's software adapter, whatever the machine has. */
export const softwareGpu: readonly string[] = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']

/** Flags that stop the browser from doing anything except loading the page. */
const quiet: readonly string[] = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts a headless Chromium. @param args additional flags @throws Error if there is none */
export async function launchChromium(args: readonly string[] = softwareGpu): Promise<Browser> {
  if (!chromium) throw new Error('no Chromium: install /usr/bin/chromium or name one in CRIA_CHROMIUM')
  return playwright.launch({ executablePath: chromium, args: [...quiet, ...args] })
}
