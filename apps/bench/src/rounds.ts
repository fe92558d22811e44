import type { Contender } from './hosts/contender'
import type { Sample } from './job'

/**
 * Runs contenders in turns (A B A B …), so that what disturbs the machine for a while disturbs all alike. A first round
 * warms up and is not counted.
 * @returns the samples of each contender, one a round
 */
export const interleave = async (
  contenders: readonly Pick<Contender, 'run'>[],
  rounds: number,
  onRound: (round: number) => void = () => {},
): Promise<Sample[][]> => {
  const samples: Sample[][] = contenders.map(() => [])
  for (let round = 0; round <= rounds; round++) {
    onRound(round)
    for (const [i, contender] of contenders.entries()) {
      const sample = await contender.run()
      if (round > 0) samples[i].push(sample)
    }
  }
  return samples
}
