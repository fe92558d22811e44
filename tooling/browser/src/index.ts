export { chromium, softwareGpu } from './chromium'
export { type BrowserRun, runInBrowser } from './run'
export { crossOriginIsolation } from './serve'
