import { type Command, InvalidArgumentError } from 'commander'
import { inProcess } from '../hosts/process'
import type { Reader } from '../jobs/load'
import { ggufFile, hasPythonSafetensors, type LoadFile, safetensorsFile } from '../load/files'
import { type Finding, findingsOf, loadReport, readerNames } from '../load/report'
import { deliver, reportOf } from '../report/deliver'
import { interleave } from '../rounds'
import { addRoundOptions, type RoundFlags, tell, tellRound, withContenders } from './shared'

interface Flags extends RoundFlags {
  readonly gigabytes: number
}

/** `bench load`: how fast checkpoints are read from the page cache. */
export const addLoad = (program: Command): void => {
  const command = program
    .command('load')
    .description('time the reading of a safetensors and a GGUF file, beside a plain read')
    .option('--gigabytes <x>', 'size of the files, at least 0.4', gigabytes, 1)
  addRoundOptions(command, 5).action(timeLoading)
}

const gigabytes = (text: string): number => {
  const value = Number(text)
  if (!(value >= 0.4 && value <= 100)) throw new InvalidArgumentError('Expected a number from 0.4 to 100.')
  return value
}

const timeLoading = async ({ gigabytes, rounds, ...outputs }: Flags): Promise<void> => {
  const readers: Reader[] = (await hasPythonSafetensors()) ? ['plain', 'cria', 'python'] : ['plain', 'cria']
  tell('writing the files, unless that has been done')
  const findings = [
    ...(await timeFile(await safetensorsFile(gigabytes), readers, rounds)),
    ...(await timeFile(await ggufFile(gigabytes), ['plain', 'cria'], rounds)),
  ]
  await deliver(reportOf(loadReport(findings)), outputs)
}

const timeFile = (file: LoadFile, readers: readonly Reader[], rounds: number): Promise<Finding[]> => {
  const nameOf = (reader: Reader) => `${file.format}, ${readerNames[reader]}`
  const starts = readers.map(reader => () => inProcess(nameOf(reader), 'load', { reader, path: file.path }))
  return withContenders(starts, async contenders =>
    findingsOf(
      file,
      readers.map((reader, i) => ({ reader, description: contenders[i].description })),
      await interleave(contenders, rounds, tellRound(rounds)),
    ),
  )
}
