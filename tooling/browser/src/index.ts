export type { Browser } from 'playwright-core'
export { chromium, launchChromium, softwareGpu } from './chromium'
export { type BrowserRun, runInBrowser } from './run'
export { crossOriginIsolation, type Server, type Site, serve } from './serve'
