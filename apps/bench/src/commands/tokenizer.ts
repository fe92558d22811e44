import type { Command } from 'commander'
import { UsageError } from '../errors'
import { requirePeer, tokenizerNames, vocabularyNames } from '../peers'
import { deliver, reportOf } from '../report/deliver'
import type { Findings } from '../report/report'
import { byteLevelRan, nativeHuggingFaceVersion, timeByteLevel } from '../tokenizer/byte-level'
import { cria, criaContender, openTokenizer, peerContenders } from '../tokenizer/contenders'
import { entryOf, nativeEntryOf, type TextResult, timeLines } from '../tokenizer/lines'
import { inFolder, nativeEncoder, nativeVersion } from '../tokenizer/native'
import { longCalls, timeOneCall } from '../tokenizer/one-call'
import { partsByRound, warmUpParts, wholeTexts } from '../tokenizer/parts'
import { tokenizerReport } from '../tokenizer/report'
import { inOneCall, lineByLine, model, requireTexts, trained, warmUp, worst } from '../tokenizer/texts'
import { timeTraining } from '../tokenizer/training'
import { timeWorstCases, worstCases } from '../tokenizer/worst-cases'
import { addRoundOptions, type RoundFlags, tell, tellRound } from './shared'

interface Flags extends RoundFlags {
  readonly byteLevel?: true
  readonly worstCases?: true
  readonly train?: true
}

/** `bench tokenizer`: encoding, decoding and training, beside other tokenizers and SentencePiece's own programs. */
export const addTokenizer = (program: Command): void => {
  const command = program
    .command('tokenizer')
    .description('time the tokenizer beside others, on texts that no cache has seen')
    .option('--byte-level', 'time the vocabularies of GPT-2 and Llama 3 alone, beside the tokenizers of Hugging Face')
    .option('--worst-cases', 'time a million characters in one call alone, without others')
    .option('--train', 'time the training of a vocabulary alone, once')
  addRoundOptions(command, 5).action(timeTokenizer)
}

const timeTokenizer = async ({ rounds, ...flags }: Flags, command: Command): Promise<void> => {
  const isWhole = !flags.byteLevel && !flags.worstCases && !flags.train
  const [hasByteLevel, hasWorstCases, hasTraining] = [flags.byteLevel, flags.worstCases, flags.train].map(
    flag => isWhole || flag,
  )
  if (!hasByteLevel && !hasWorstCases && command.getOptionValueSource('rounds') === 'cli')
    throw new UsageError('--rounds: training runs once, so leave it out')
  if (isWhole) tokenizerNames.forEach(requirePeer)
  if (hasByteLevel) ["Hugging Face's" as const, ...vocabularyNames].forEach(requirePeer)
  requireTexts([
    ...(isWhole ? [model, inOneCall] : []),
    ...(hasByteLevel ? [...warmUp, ...lineByLine] : []),
    ...(hasWorstCases ? [model, ...Object.values(worst)] : []),
    ...(hasTraining ? [trained] : []),
  ])
  const native = hasTraining ? await nativeVersion() : undefined
  const nativeHuggingFace = hasByteLevel ? await nativeHuggingFaceVersion() : undefined
  const beside = isWhole ? await timeBeside(native !== undefined, rounds) : undefined
  const found = {
    ...beside?.found,
    ...(hasByteLevel && { byteLevel: await timeVocabularies(nativeHuggingFace !== undefined, rounds) }),
    ...(hasWorstCases && { worstCases: await timeWorst(rounds) }),
    ...(hasTraining && { training: await timeTraining(native !== undefined) }),
  }
  const ran = [
    cria,
    ...(beside?.peers ?? []),
    ...(hasByteLevel ? await byteLevelRan(nativeHuggingFace) : []),
    ...(hasTraining ? [nativeRan(native)] : []),
  ]
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

/** Line by line, with each vocabulary of byte-level BPE. */
const timeVocabularies = (hasNative: boolean, rounds: number) =>
  inFolder(async folder => {
    const [texts, others] = [await wholeTexts(), await warmUpParts()]
    const found: TextResult[] = []
    for (const name of vocabularyNames) {
      tell(`with the vocabulary of ${name}`)
      const options = { texts, warmUp: others, rounds, hasNative, folder, onRound: tellRound(rounds) }
      found.push(...(await timeByteLevel(name, options)))
    }
    return found
  })

const timeWorst = async (rounds: number) => {
  tell('worst cases')
  return timeWorstCases(criaContender(await openTokenizer()), await worstCases(), rounds, tellRound(rounds))
}
