import type { Command } from 'commander'
import type { DeviceName } from 'cria'
import { positiveNumber } from '../arguments'
import { inProcess } from '../hosts/process'
import { type Finding, findingOf, normsReport } from '../norms/report'
import { deliver, reportOf } from '../report/deliver'
import { interleave } from '../rounds'
import { type SyntheticSize, syntheticSizes } from '../synthetic/sizes'
import { addThreadOptions, type ThreadFlags, tellRound, withContenders } from './shared'

interface Flags extends ThreadFlags {
  readonly device: DeviceName | 'auto'
  readonly prompt: number
}

/** Three sizes whose weights fit into 4 GiB as f32. */
const sizes = ['15m', '42m', '110m'] as const satisfies readonly SyntheticSize[]

/** `bench norms`: what RMSNorm saves of a whole forward pass (Zhang & Sennrich 2019 say 7% to 64%). */
export const addNorms = (program: Command): void => {
  const command = program
    .command('norms')
    .description('time a forward pass with RMSNorm and with LayerNorm, everything else equal')
    .option('--device <name>', 'where to run; `cria devices` lists them', 'auto')
    .option('--prompt <n>', 'tokens of a pass', positiveNumber, 128)
  addThreadOptions(command, 5).action(timeNorms)
}

const timeNorms = async ({ device, prompt, rounds, threads, ...outputs }: Flags): Promise<void> => {
  const findings: Finding[] = []
  const ran: { name: string; description: string }[] = []
  for (const name of sizes) {
    const options = { device, threads, size: syntheticSizes[name], prompt }
    const starts = (['RMSNorm', 'LayerNorm'] as const).map(
      norm => () => inProcess(`${name} with ${norm}`, 'norms', { ...options, norm }),
    )
    const [rms, layer] = await withContenders(starts, contenders => {
      ran.push(...contenders.map(({ name, description }) => ({ name, description })))
      return interleave(contenders, rounds, tellRound(rounds))
    })
    findings.push(
      findingOf(name, `${prompt} tokens`, rms, layer, 'prompt'),
      findingOf(name, '1 token', rms, layer, 'token'),
    )
  }
  await deliver(reportOf(normsReport(findings, ran)), outputs)
}
