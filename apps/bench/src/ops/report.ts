import { percent, quantity, seconds } from '../report/format'
import type { Findings } from '../report/report'
import type { DeviceResult } from './result'

/** A table and a chart for each device. */
export const opsReport = (devices: readonly DeviceResult[]): Findings => ({
  title: `Ops on ${devices.map(({ device }) => device).join(', ')}`,
  ran: devices.map(({ device, description }) => ({ name: device, description })),
  tables: devices.map(({ device, ops }) => ({
    title: device,
    columns: ['', 'time', 'operations', 'bytes', 'of the ceiling'],
    rows: ops.map(op => [
      op.title,
      seconds(op.seconds.median),
      op.cost.flops === 0 ? '' : quantity(op.flopsPerSecond, 'op/s'),
      quantity(op.bytesPerSecond, 'B/s'),
      percent(op.share.median),
    ]),
  })),
  charts: devices.map(({ device, description, ops }) => ({
    title: device,
    caption: `${description}. What was reached of the ceiling that binds. Longer is better.`,
    unit: '% of the ceiling',
    bars: ops.map(({ title, share: { median, min, max, samples } }) => ({
      label: title,
      role: 'cria',
      measure: {
        unit: '%',
        median: 100 * median,
        min: 100 * min,
        max: 100 * max,
        samples: samples.map(value => 100 * value),
      },
    })),
  })),
  notes: [
    "An op's cost is its own account of operations and of bytes that must move. Its ceiling is the time that WebAssembly SIMD needs, on as many threads, to do those operations in f32 or to read those bytes, of a working set of 6 MB, whichever is longer.",
    'On webgpu a row is one implementation of an op, by its name: the default of each kind, its variants, and the kernels of gpu.js.',
    'An op whose inputs lie in a nearer cache may exceed it, and so may products of quantised weights, because they are integers.',
  ],
  data: devices,
})
