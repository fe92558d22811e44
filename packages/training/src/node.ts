export { type Run, type RunData, type RunEvent, type RunOptions, runTraining } from './node/run'
export { htmlOf } from './report/html'
export type { Curves, Intervals, Page, Series, Table } from './report/page'
