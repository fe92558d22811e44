import type { ContenderResult, Ratio, Workload } from '../inference/result'
import { number, percent, quantity, seconds, spread } from '../report/format'
import type { Findings, Table } from '../report/report'
import { summarize } from '../statistics'
import type { GpuCeilingSample } from './ceilings'
import type { GpuTuning } from './shares'

/** One type of weights. */
export interface GpuFinding {
  readonly work: Workload
  readonly contenders: readonly ContenderResult[]
  readonly ratios: readonly Ratio[]
  readonly ceilings: readonly GpuCeilingSample[]
  readonly tuning: GpuTuning
}

const typeOf = ({ work: { weights } }: GpuFinding): string => weights[0]

const ceilingTable = (findings: readonly GpuFinding[]): Table => {
  const middle = ({ ceilings }: GpuFinding, of: keyof GpuCeilingSample) =>
    summarize(ceilings.map(sample => sample[of])).median
  return {
    title: 'Ceilings of WebGPU, measured in the same rounds',
    columns: ['', 'memory read', 'f32 multiply-adds', 'dispatch', 'empty submit'],
    rows: findings.map(found => [
      typeOf(found),
      quantity(middle(found, 'read'), 'B/s'),
      quantity(middle(found, 'f32'), 'op/s'),
      seconds(middle(found, 'dispatch')),
      seconds(middle(found, 'map')),
    ]),
  }
}

/** Rates by type of weights, before and after tuning, beside PyTorch; what was chosen; what a step is made of. */
export const gpuReport = (model: string, findings: readonly GpuFinding[], absent: readonly string[]): Findings => {
  const [{ work }] = findings
  return {
    title: `${model} on webgpu: prompt of ${work.prompt}, ${work.tokens} tokens behind ${work.depth}`,
    ran: findings.flatMap(found =>
      found.contenders.map(({ name, description }) => ({ name: `${typeOf(found)}, ${name}`, description })),
    ),
    tables: [
      {
        title: 'Medians of the rounds (least–most)',
        columns: ['', 'prefill tokens/s', 'decode tokens/s', 'of bandwidth', 'of multiply-adds'],
        rows: findings.flatMap(found =>
          found.contenders.map(({ name, prefill, decode, bandwidthShare, arithmeticShare }) => [
            `${typeOf(found)}, ${name}`,
            spread(prefill),
            spread(decode),
            percent(bandwidthShare.median),
            percent(arithmeticShare.median),
          ]),
        ),
      },
      {
        title: 'Ratios, round by round (above 1 is faster)',
        columns: ['', 'prefill', 'decode'],
        rows: findings.flatMap(found =>
          found.ratios.map(({ of, to, prefill, decode }) => [
            `${typeOf(found)}, ${of} / ${to}`,
            spread(prefill),
            spread(decode),
          ]),
        ),
      },
      ceilingTable(findings),
      {
        title: 'What the tuner chose, and the default',
        columns: ['', 'chosen', 'µs', 'default', 'µs'],
        rows: findings.flatMap(({ tuning }) =>
          tuning.choices.map(({ call, chosen, standard, microseconds }) => [
            call,
            chosen,
            number(microseconds[chosen]),
            standard,
            number(microseconds[standard]),
          ]),
        ),
      },
      {
        title: 'Share of each call in a step of one token, of those that were measured',
        columns: ['', 'calls', 'µs', 'share'],
        rows: findings.flatMap(({ tuning }) =>
          tuning.step.map(({ call, count, microseconds, share }) => [
            call,
            String(count),
            number(microseconds),
            percent(share),
          ]),
        ),
      },
    ],
    charts: [
      {
        title: 'Decode',
        caption: 'One token at a time, tokens a second. Longer is faster.',
        unit: 'tokens/s',
        bars: findings.flatMap(found =>
          found.contenders.map(({ name, decode }) => ({
            label: `${typeOf(found)}, ${name}`,
            role: name.startsWith('Cria') ? ('cria' as const) : ('peer' as const),
            measure: decode,
          })),
        ),
      },
    ],
    notes: [
      'Each contender runs in a process of its own, one after the other in each round. PyTorch has weights of f16.',
      'Times of calls are those that the tuner measured, on buffers larger than the caches; a call of several dispatches is one.',
      ...findings.flatMap(found =>
        found.tuning.open.length === 0
          ? []
          : [`${typeOf(found)}: time or memory did not suffice to measure ${found.tuning.open.join('; ')}`],
      ),
      ...absent,
    ],
    data: { findings, absent },
  }
}
