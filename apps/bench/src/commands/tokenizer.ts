import type { Command } from 'commander'
import { UsageError } from '../errors'
import { requirePeer, tokenizerNames } from '../peers'
import { deliver, reportOf } from '../report/deliver'
import type { Findings } from '../report/report'
import { cria, criaContender, openTokenizer, peerContenders } from '../tokenizer/contenders'
import { entryOf, nativeEntryOf, timeLines } from '../tokenizer/lines'
import { nativeEncoder, nativeVersion } from '../tokenizer/native'
import { longCalls, timeOneCall } from '../tokenizer/one-call'
import { partsByRound, warmUpParts, wholeTexts } from '../tokenizer/parts'
import { tokenizerReport } from '../tokenizer/report'
import { inOneCall, lineByLine, model, requireTexts, trained, warmUp, worst } from '../tokenizer/texts'
import { timeTraining } from '../tokenizer/training'
import { timeWorstCases, worstCases } from '../tokenizer/worst-cases'
import { addRoundOptions, type RoundFlags, tell, tellRound } from './shared'

interface Flags extends RoundFlags {
  readonly worstCases?: true
  readonly train?: true
}

/** `bench tokenizer`: encoding, decoding and training, beside other tokenizers and SentencePiece's own programs. */
export const addTokenizer = (program: Command): void => {
  const command = program
    .command('tokenizer')
    .description('time the tokenizer beside others, on texts that no cache has seen')
    .option('--worst-cases', 'time a million characters in one call alone, without others')
    .option('--train', 'time the training of a vocabulary alone, once')
  addRoundOptions(command, 5).action(timeTokenizer)
}

const timeTokenizer = async ({ rounds, ...flags }: Flags, command: Command): Promise<void> => {
  const isWhole = !flags.worstCases && !flags.train
  const [hasWorstCases, hasTraining] = [isWhole || flags.worstCases, isWhole || flags.train]
  if (!isWhole && !hasWorstCases && command.getOptionValueSource('rounds') === 'cli')
    throw new UsageError('--rounds: training runs once, so leave it out')
  if (isWhole) tokenizerNames.forEach(requirePeer)
  requireTexts([
    ...(isWhole ? [model, ...warmUp, ...lineByLine, inOneCall] : []),
    ...(hasWorstCases ? [model, ...Object.values(worst)] : []),
    ...(hasTraining ? [trained] : []),
  ])
  const native = hasTraining ? await nativeVersion() : undefined
  const beside = isWhole ? await timeBeside(native !== undefined, rounds) : undefined
  const found = {
    ...beside?.found,
    ...(hasWorstCases && { worstCases: await timeWorst(rounds) }),
    ...(hasTraining && { training: await timeTraining(native !== undefined) }),
  }
  const ran = [cria, ...(beside?.peers ?? []), ...(hasTraining ? [nativeRan(native)] : [])]
  await deliver(reportOf(tokenizerReport(found, ran)), flags)
}

const nativeRan = (version: string | undefined): Findings['ran'][number] => ({
  name: 'spm_encode, spm_train',
  description: version ?? "not installed, so not timed: they are in Debian's package `sentencepiece`",
})

/** Line by line and in one call, with peers and native programs. */
const timeBeside = async (hasNative: boolean, rounds: number) => {
  const calls = await longCalls(rounds)
  const tokenizer = await openTokenizer()
  const peers = await peerContenders(tokenizer)
  const contenders = [criaContender(tokenizer), ...peers]
  const texts = await wholeTexts()
  const parts = [await warmUpParts(), ...partsByRound(texts, rounds)]
  const entries = contenders.map(contender => entryOf(contender, parts))
  if (hasNative) entries.push(nativeEntryOf(nativeEncoder, texts))
  tell('line by line')
  const lines = await timeLines(entries, texts, rounds, tellRound(rounds))
  tell('in one call')
  const oneCall = await timeOneCall(contenders, calls, tellRound(rounds))
  return { peers, found: { lines, oneCall } }
}

const timeWorst = async (rounds: number) => {
  tell('worst cases')
  return timeWorstCases(criaContender(await openTokenizer()), await worstCases(), rounds, tellRound(rounds))
}
